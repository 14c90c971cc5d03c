import { decodeMessage, encodeMessage } from '../../../src/core/wire.ts';
import { createPeer, put, shownOf } from '../../support/replicas.ts';
import { messages } from '../messages.ts';
import { insist, type Target } from '../target.ts';

/** Somebody honest, of whom everything is here, and whose state no foreign bytes may change. */
const owner = createPeer('Honest');
const written = owner.write([put('x', '1'), put('y', '2')])!;
const before = shownOf(owner, 'Honest').join('\n');

export const replica: Target = {
  what: 'deltas and digests into a replica',
  structured: messages.map(encodeMessage),
  read(bytes) {
    const message = decodeMessage(bytes);
    if (message === undefined) return;
    const peer = createPeer('Self', { live: 64, deletions: 8, early: 4, owners: 8 });
    peer.merge(written.delta);
    if (message.kind === 'digest') {
      peer.missing(message.heads, 100_000);
      peer.behind(message.heads);
      for (const head of message.heads) peer.originOfOwn(head);
    }
    for (const delta of message.kind === 'deltas' ? message.deltas : []) {
      if (delta.head.owner === 'Self') continue;
      const concerned = peer.concerns(delta);
      const merged = peer.merge(delta);
      insist(
        concerned || (!merged.news && merged.changed.length === 0),
        'what is no concern changes nothing',
      );
    }
    insist(shownOf(peer, 'Honest').join('\n') === before, 'nobody changes what another owner wrote');
    for (const entry of peer.entries()) {
      insist(entry.owner !== 'Self', 'nobody writes in the name of this host');
    }
  },
};
