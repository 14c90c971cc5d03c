import type { PeerId } from '../address.ts';
import type { Change, Delta, Digest } from '../replica.ts';
import { decodeHost, HOST_KEY, TOPOLOGY } from '../topology/facts.ts';
import { encodeMessage, type Message, splitDeltas } from '../wire.ts';
import type { Context } from './context.ts';
import type { Neighbours } from './neighbours.ts';
import type { Millis } from './step.ts';

/** Changes that follow the first within this time travel together: a message costs more than its bytes. */
const COALESCE_MS = 50;
/** Anti-entropy with a random neighbour. */
const ROUND_MS = 10_000;
/** A gap asks the neighbour that showed it, but not again sooner than this. */
const ASK_AGAIN_MS = 250;
/** Two heartbeats of one peer that differ from ours with no sync between them ask for one. */
const DIFFERING_BEATS = 2;
const GOSSIP_BYTES = 60 * 1024;
const STREAM_BYTES = 1024 * 1024;
/** What sync taught is gossiped on up to this much; above, the other neighbours are offered a sync. */
const RETELL_BYTES = 4 * GOSSIP_BYTES;

interface Dialogue {
  asked: Millis;
  differing: number;
}

export interface Spread {
  /** A delta of ours, durable by now in the list of effects. */
  tell(delta: Delta): void;
  up(peer: PeerId): void;
  down(peer: PeerId): void;
  /** Takes in what another router said; gives what it changed here. */
  heard(from: PeerId, message: Message): readonly Change[];
  start(): void;
}

/**
 * How facts get around: eagerly by gossip, and by digests with single neighbours for whatever gossip missed.
 * `synced` is told when a neighbour has given us all that it knew; `ahead` when others hold facts of ours that we
 * never wrote.
 */
export function createSpread(
  context: Context,
  neighbours: Neighbours,
  synced: () => void,
  ahead: (seq: number, boot: string | undefined) => void,
): Spread {
  const { agenda, emit, replica } = context;
  const dialogues = new Map<PeerId, Dialogue>();
  let queued: Delta[] = [];
  let quietSince = Number.NEGATIVE_INFINITY;

  const gossip = (deltas: readonly Delta[]): void => {
    for (const part of splitDeltas(deltas, GOSSIP_BYTES)) {
      emit({ kind: 'broadcast', bytes: encodeMessage({ kind: 'deltas', deltas: part, reply: false }) });
    }
  };

  function flush(): void {
    if (queued.length === 0) return;
    gossip(queued);
    queued = [];
    quietSince = context.now() + COALESCE_MS;
  }

  function tell(delta: Delta): void {
    queued.push(delta);
    if (context.now() >= quietSince) flush();
    else agenda.plan('gossip', quietSince, flush);
  }

  function ask(peer: PeerId, wantReply: boolean): void {
    const dialogue = dialogues.get(peer);
    if (dialogue === undefined) return;
    dialogue.asked = context.now();
    dialogue.differing = 0;
    emit({
      kind: 'send',
      to: peer,
      bytes: encodeMessage({ kind: 'digest', heads: replica.digest(), wantReply }),
    });
  }

  function askOnce(peer: PeerId): void {
    const dialogue = dialogues.get(peer);
    if (dialogue !== undefined && context.now() - dialogue.asked >= ASK_AGAIN_MS) ask(peer, true);
    else agenda.plan(`ask ${peer}`, context.now() + ASK_AGAIN_MS, () => ask(peer, true));
  }

  /** Always answers, if only with nothing: that tells the other end that it is up to date. */
  function answer(peer: PeerId, theirs: Digest, wantReply: boolean): void {
    const ours = theirs.find(head => head.owner === context.config.self);
    if (ours !== undefined && ours.upto > replica.ownSeq()) ahead(ours.upto, undefined);
    const parts = splitDeltas(replica.missing(theirs, STREAM_BYTES), STREAM_BYTES);
    for (const deltas of parts.length === 0 ? [[]] : parts) {
      emit({ kind: 'send', to: peer, bytes: encodeMessage({ kind: 'deltas', deltas, reply: true }) });
    }
    if (wantReply && replica.behind(theirs).length > 0) ask(peer, false);
  }

  function take(from: PeerId, deltas: readonly Delta[], reply: boolean): readonly Change[] {
    const news: Delta[] = [];
    const changes: Change[] = [];
    let gap = false;
    for (const delta of deltas) {
      if (delta.head.owner === context.config.self) {
        if (delta.head.upto > replica.ownSeq()) ahead(delta.head.upto, bootIn(delta));
        continue;
      }
      const merged = replica.merge(delta);
      if (merged.refused !== undefined) {
        emit({ kind: 'hang-up', peer: from, reason: `sent facts that were refused: ${merged.refused}` });
        return changes;
      }
      changes.push(...merged.changes);
      if (merged.news) news.push(delta);
      gap ||= merged.gap;
    }
    if (gap) askOnce(from);
    else if (reply) synced();
    // Gossip finds its own way; what came by sync may be news to our other neighbours.
    if (reply) retell(from, news);
    return changes;
  }

  /** Hands on what was new here: a neighbour of ours may have no other way to it. */
  function retell(from: PeerId, news: readonly Delta[]): void {
    if (news.length === 0) return;
    const parts = splitDeltas(news, GOSSIP_BYTES);
    if (parts.length * GOSSIP_BYTES <= RETELL_BYTES) for (const delta of news) tell(delta);
    else for (const { peer } of neighbours.all()) if (peer !== from) askOnce(peer);
  }

  function compareBeats(from: PeerId, fingerprint: number): void {
    const dialogue = dialogues.get(from);
    if (dialogue === undefined) return;
    dialogue.differing = fingerprint === replica.fingerprint() ? 0 : dialogue.differing + 1;
    if (dialogue.differing >= DIFFERING_BEATS) askOnce(from);
  }

  function round(): void {
    const peer = context.random.pick([...neighbours.all()])?.peer;
    if (peer !== undefined) ask(peer, true);
    agenda.plan('anti-entropy', context.now() + ROUND_MS * (0.75 + context.random.fraction() / 2), round);
  }

  return {
    tell,
    start: () => agenda.plan('anti-entropy', context.now() + ROUND_MS * context.random.fraction(), round),
    up(peer) {
      dialogues.set(peer, { asked: Number.NEGATIVE_INFINITY, differing: 0 });
      ask(peer, true);
    },
    down: peer => void dialogues.delete(peer),
    heard(from, message) {
      if (message.kind === 'digest') answer(from, message.heads, message.wantReply);
      else if (message.kind === 'deltas') return take(from, message.deltas, message.reply);
      else if (message.kind === 'heartbeat') compareBeats(from, message.fingerprint);
      return [];
    },
  };
}

/** Which start of a router wrote a delta, where it tells of its host. */
function bootIn(delta: Delta): string | undefined {
  const entry = delta.entries.find(({ domain, key }) => domain === TOPOLOGY && key === HOST_KEY);
  return entry?.value === undefined ? undefined : decodeHost(entry.value)?.boot;
}
