import fc from 'fast-check';
import type { Delta } from '../../src/core/replica.ts';
import type { Message } from '../../src/core/wire.ts';
import { createPeer, drop, put } from '../support/replicas.ts';

/** What an honest owner wrote, told in several ways: whole deltas, pieces, snapshots. */
export const deltas: readonly Delta[] = recordDeltas();

function recordDeltas(): readonly Delta[] {
  const recorded: Delta[] = [];
  for (const name of ['A', 'B']) {
    const owner = createPeer(name, { deletions: 2 });
    for (let round = 0; round < 6; round++) {
      recorded.push(owner.write([put(`key ${round}`, 'value'), put('count', `${round}`)])!.delta);
    }
    for (let round = 0; round < 4; round++) recorded.push(owner.write([drop(`key ${round}`)])!.delta);
    recorded.push(...owner.missing([], 100_000), ...owner.missing([], 400));
  }
  return recorded;
}

const standings = createHolder().digest();

function createHolder(): ReturnType<typeof createPeer> {
  const holder = createPeer('C');
  for (const delta of deltas) holder.merge(delta);
  return holder;
}

export const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constant('digest' as const),
    heads: fc.subarray([...standings]),
    wantReply: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('deltas' as const),
    deltas: fc.subarray([...deltas], { maxLength: 5 }),
    reply: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    fingerprint: fc.maxSafeNat(),
    boot: fc.string({ maxLength: 16 }),
  }),
  fc.constant({ kind: 'goodbye' as const }),
);
