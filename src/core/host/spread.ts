import type { PeerId } from '../address.ts';
import type { Change, Delta, Digest, Entry, Head, Refusal } from '../replica.ts';
import { decodeHost, HOST_KEY, TOPOLOGY } from '../topology/facts.ts';
import { encodeMessage, type Message, splitDeltas } from '../wire.ts';
import type { Conduct } from './conduct.ts';
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
/** Who shows that it holds facts which we lost has so long to give them back. */
const LOST_MS = 2_000;
/** Of many that differ at once one is asked at a time: what it has is mostly what the others have. */
const COMPARE_APART_MS = 500;
const GOSSIP_BYTES = 60 * 1024;
const STREAM_BYTES = 1024 * 1024;
/** What sync taught is gossiped on up to this much; above, the other neighbours are offered a sync. */
const RETELL_BYTES = 4 * GOSSIP_BYTES;
/** Signatures of one message that are checked, at 0.1 ms each: the rest waits for the next, or the loop would stand still. */
const CHECKS_AT_ONCE = 6_000;

interface Dialogue {
  asked: Millis;
  differing: number;
}

/** What came of a message. */
export interface Learnt {
  readonly changes: readonly Change[];
  /** It told something that was not known here: worth handing on. */
  readonly news: boolean;
}

export const NOTHING: Learnt = { changes: [], news: false };

export interface SpreadListener {
  /** A neighbour has given us all that it knew. */
  synced(from: PeerId): void;
  /**
   * Others hold facts of ours up to `seq` that we never wrote: `lost` are some of them, `boot` is the start of a router that
   * wrote them, if known.
   */
  ahead(seq: number, lost: readonly Entry[], boot: string | undefined): void;
}

/** How facts get around: eagerly by gossip, and by digests with single neighbours for whatever gossip missed. */
export class Spread {
  readonly #context: Context;
  readonly #neighbours: Neighbours;
  readonly #conduct: Conduct;
  readonly #listener: SpreadListener;
  readonly #dialogues = new Map<PeerId, Dialogue>();
  #queued: Delta[] = [];
  #quietUntil = Number.NEGATIVE_INFINITY;
  #comparedAt = Number.NEGATIVE_INFINITY;

  constructor(context: Context, neighbours: Neighbours, conduct: Conduct, listener: SpreadListener) {
    this.#context = context;
    this.#neighbours = neighbours;
    this.#conduct = conduct;
    this.#listener = listener;
  }

  start(): void {
    const { agenda, now, random } = this.#context;
    agenda.plan('anti-entropy', now() + ROUND_MS * random.fraction(), () => this.#round());
  }

  /** Gossips a delta: the first at once, those that follow soon together. */
  tell(delta: Delta): void {
    const { agenda, now } = this.#context;
    this.#queued.push(delta);
    if (now() >= this.#quietUntil) this.#flush();
    else agenda.plan('gossip', this.#quietUntil, () => this.#flush());
  }

  up(peer: PeerId): void {
    this.#dialogues.set(peer, { asked: Number.NEGATIVE_INFINITY, differing: 0 });
    this.#ask(peer, true);
  }

  down(peer: PeerId): void {
    this.#dialogues.delete(peer);
  }

  /** Takes in what another router said. */
  heard(from: PeerId, message: Message): Learnt {
    const learnt = message.kind === 'deltas' ? this.#take(from, message.deltas, message.reply) : NOTHING;
    if (learnt.news || !this.#conduct.admitsIdle(from)) return learnt;
    if (message.kind === 'digest') this.#answer(from, message.heads, message.wantReply);
    else if (message.kind === 'heartbeat') this.#compare(from, message.fingerprint);
    return learnt;
  }

  #flush(): void {
    if (this.#queued.length === 0) return;
    for (const deltas of splitDeltas(this.#queued, GOSSIP_BYTES)) {
      this.#context.emit({
        kind: 'broadcast',
        bytes: encodeMessage({ kind: 'deltas', deltas, reply: false }),
      });
    }
    this.#queued = [];
    this.#quietUntil = this.#context.now() + COALESCE_MS;
  }

  #ask(peer: PeerId, wantReply: boolean): void {
    const { emit, now, replica } = this.#context;
    const dialogue = this.#dialogues.get(peer);
    if (dialogue === undefined) return;
    dialogue.asked = now();
    dialogue.differing = 0;
    emit({
      kind: 'send',
      to: peer,
      bytes: encodeMessage({ kind: 'digest', heads: replica.digest(), wantReply }),
    });
  }

  #askSoon(peer: PeerId): void {
    const { agenda, now } = this.#context;
    const dialogue = this.#dialogues.get(peer);
    if (dialogue !== undefined && now() - dialogue.asked >= ASK_AGAIN_MS) this.#ask(peer, true);
    else agenda.plan(`ask ${peer}`, now() + ASK_AGAIN_MS, () => this.#ask(peer, true));
  }

  /** Always answers, if only with nothing: that tells the other end that it is up to date. */
  #answer(peer: PeerId, theirs: Digest, wantReply: boolean): void {
    const { config, emit, replica } = this.#context;
    if (!this.#conduct.admitsDigest(peer)) return;
    const ours = theirs.find(head => head.owner === config.self);
    if (ours !== undefined && !this.#checkOwn(peer, ours, undefined)) return;
    const parts = splitDeltas(replica.missing(theirs, STREAM_BYTES), STREAM_BYTES);
    for (const deltas of parts.length === 0 ? [[]] : parts) {
      emit({ kind: 'send', to: peer, bytes: encodeMessage({ kind: 'deltas', deltas, reply: true }) });
    }
    if (wantReply && replica.behind(theirs).length > 0) this.#ask(peer, false);
  }

  #take(from: PeerId, deltas: readonly Delta[], reply: boolean): Learnt {
    const { config, replica } = this.#context;
    const news: Delta[] = [];
    const changes: Change[] = [];
    let gap = false;
    let checks = 0;
    for (const delta of deltas) {
      if (delta.head.owner === config.self) {
        if (!this.#checkOwn(from, delta.head, delta)) return { changes, news: false };
        continue;
      }
      if (replica.concerns(delta)) {
        checks += delta.entries.length + 1;
        if (
          checks > CHECKS_AT_ONCE ||
          !this.#conduct.admitsNews(from, delta.head.owner, delta.entries.length)
        ) {
          gap = true;
          continue;
        }
      }
      const merged = replica.merge(delta);
      if (merged.refused !== undefined && this.#blame(from, delta, merged.refused)) {
        return { changes, news: false };
      }
      changes.push(...merged.changed);
      if (merged.news) news.push(delta);
      gap ||= merged.gap;
    }
    if (gap) this.#askSoon(from);
    else if (reply) this.#listener.synced(from);
    // Gossip finds its own way; what came by sync may be news to our other neighbours.
    if (reply) this.#retell(from, news);
    return { changes, news: news.length > 0 };
  }

  /** What others hold of ours. False: it is made up. */
  #checkOwn(from: PeerId, head: Head, delta: Delta | undefined): boolean {
    const origin = this.#context.replica.originOfOwn(head);
    if (origin === 'forged') return this.#conduct.breach(from, 'sent facts that were refused: bad-signature');
    if (origin !== 'lost') return true;
    if (delta !== undefined) this.#listener.ahead(head.upto, delta.entries, bootIn(delta));
    else this.#askForOwn(from, head);
    return true;
  }

  /** What was lost is worth having: who holds it is asked for it first. */
  #askForOwn(from: PeerId, head: Head): void {
    const { agenda, now, replica } = this.#context;
    this.#askSoon(from);
    agenda.plan('lost facts', now() + LOST_MS, () => {
      if (replica.originOfOwn(head) === 'lost') this.#listener.ahead(head.upto, [], undefined);
    });
  }

  /** Whether it is the carrier that is to blame for what was refused; else its owner is, or nobody. */
  #blame(from: PeerId, { head, entries }: Delta, refused: Refusal): boolean {
    if (refused === 'too-many-owners' || refused === 'too-many-entries') return false;
    this.#conduct.refund(head.owner, entries.length);
    this.#conduct.breach(from, `sent facts that were refused: ${refused}`);
    return true;
  }

  /** Hands on what was new here: a neighbour of ours may have no other way to it. */
  #retell(from: PeerId, news: readonly Delta[]): void {
    if (news.length === 0) return;
    const parts = splitDeltas(news, GOSSIP_BYTES);
    if (parts.length * GOSSIP_BYTES <= RETELL_BYTES) for (const delta of news) this.tell(delta);
    else for (const { peer } of this.#neighbours.all()) if (peer !== from) this.#askSoon(peer);
  }

  #compare(from: PeerId, fingerprint: number): void {
    const dialogue = this.#dialogues.get(from);
    if (dialogue === undefined) return;
    dialogue.differing = fingerprint === this.#context.replica.fingerprint() ? 0 : dialogue.differing + 1;
    const { now } = this.#context;
    if (dialogue.differing < DIFFERING_BEATS || now() - this.#comparedAt < COMPARE_APART_MS) return;
    this.#comparedAt = now();
    this.#askSoon(from);
  }

  #round(): void {
    const { agenda, now, random } = this.#context;
    const peer = random.pick([...this.#neighbours.all()])?.peer;
    if (peer !== undefined) this.#ask(peer, true);
    agenda.plan('anti-entropy', now() + ROUND_MS * (0.75 + random.fraction() / 2), () => this.#round());
  }
}

/** Which start of a router wrote a delta, where it tells of its host. */
function bootIn(delta: Delta): string | undefined {
  const entry = delta.entries.find(({ domain, key }) => domain === TOPOLOGY && key === HOST_KEY);
  return entry?.value === undefined ? undefined : decodeHost(entry.value)?.boot;
}
