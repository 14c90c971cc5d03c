import type { PeerId } from '../address.ts';
import {
  type CryptoFunctions,
  compareHeads,
  type Delta,
  type Entry,
  type Head,
  isSameHead,
  type Limits,
  type Refusal,
  type Standing,
  slotOf,
} from './fact.ts';
import { type Draft, Ledger, type Touch } from './ledger.ts';

/** A snapshot that comes in pieces. Nothing of it counts before it is whole and has been checked. */
interface Stage {
  head: Head;
  through: number;
  /** Where its first piece was cut from; deletions that came later must be in the later pieces. */
  upto: number;
  entries: Entry[];
}

/**
 * All that is known of one owner: the ledger, and what can't be in it yet. Deltas beyond a gap are kept as they are;
 * their entries count at once, laid over the ledger, and go into it when the gap is filled.
 */
export class Follower {
  readonly ledger: Ledger;
  /** The newest head seen, whether or not what it stands for is here. */
  newest: Head;
  /** Counts up whenever something is taken in that counts. */
  version = 0;
  readonly #limits: Limits;
  /** In the order of `after`. */
  #early: Delta[] = [];
  #overlay: Map<string, Entry> | undefined;
  /** Defined while a snapshot is needed. */
  #stage: Stage | undefined;

  constructor(owner: PeerId, crypto: CryptoFunctions, limits: Limits) {
    this.ledger = new Ledger(owner, crypto, limits);
    this.newest = this.ledger.head;
    this.#limits = limits;
  }

  /** The owner has written more than is here. */
  get behind(): boolean {
    return compareHeads(this.newest, this.ledger.head) > 0;
  }

  /** Whole deltas that wait for a gap to be filled: they may be all that somebody else lacks. */
  get early(): readonly Delta[] {
    return this.#early;
  }

  standing(): Standing | undefined {
    const { head } = this.ledger;
    const stage = this.#stage && { through: this.#stage.through, upto: this.#stage.upto };
    const through = this.#chain().at(-1)?.through ?? head.upto;
    if (through === 0 && stage === undefined) return undefined;
    return { ...head, through, stage };
  }

  /** What counts now under one key: the newest live entry, in the ledger or ahead of it. */
  visible(slot: string): Entry | undefined {
    const entry = this.#overlay?.get(slot) ?? this.ledger.live.get(slot)?.entry;
    return entry?.value === undefined ? undefined : entry;
  }

  *all(): Iterable<Entry> {
    for (const [slot, { entry }] of this.ledger.live) if (!this.#overlay?.has(slot)) yield entry;
    for (const entry of this.#overlay?.values() ?? []) if (entry.value !== undefined) yield entry;
  }

  /** Whether `delta` may tell anything that isn't known. */
  isNews(delta: Delta): boolean {
    if (compareHeads(delta.head, this.ledger.head) <= 0) return false;
    // A piece of a snapshot may look like one of them; it is needed all the same.
    if (delta.snapshot) return true;
    return !this.#early.some(
      early =>
        early.after === delta.after && early.through === delta.through && isSameHead(early.head, delta.head),
    );
  }

  /** Takes in a delta whose every signature was checked. */
  take(delta: Delta, touch: Touch): Refusal | undefined {
    if (compareHeads(delta.head, this.newest) > 0) this.newest = delta.head;
    return delta.snapshot ? this.#takeSnapshot(delta, touch) : this.#takeDelta(delta, touch);
  }

  #takeDelta(delta: Delta, touch: Touch): Refusal | undefined {
    const { upto } = this.ledger.head;
    const isWhole = delta.through === delta.head.upto;
    const chain = this.#chain();
    const end = chain.at(-1)?.through ?? upto;
    if (isWhole && delta.after <= end) {
      // Best is what needs nothing that others said.
      const parts = delta.after <= upto ? [delta] : [...chain, delta];
      return this.#follow(parts, touch) ?? this.#followChains(touch);
    }
    if (delta.through <= upto || delta.after === delta.through) return undefined;
    // What counted once is not given up for something else: a deletion among it would seem undone.
    if (this.#hasRoom(delta)) this.#park(delta, touch);
    else if (delta.after <= end) this.#needSnapshot();
    return this.#followChains(touch);
  }

  #hasRoom({ entries }: Delta): boolean {
    const count = this.#early.reduce((sum, early) => sum + early.entries.length, entries.length);
    return this.#early.length < this.#limits.early && count <= this.#limits.live + this.#limits.deletions;
  }

  #park(delta: Delta, touch: Touch): void {
    const index = this.#early.findIndex(early => early.after > delta.after);
    this.#early.splice(index < 0 ? this.#early.length : index, 0, delta);
    this.version += 1;
    this.#lay(delta, touch);
  }

  #lay(delta: Delta, touch: Touch): void {
    for (const entry of delta.entries) {
      if (entry.seq <= this.ledger.head.upto) continue;
      const slot = slotOf(entry.domain, entry.key);
      const over = this.#overlay?.get(slot);
      if (over !== undefined && over.seq >= entry.seq) continue;
      touch(slot);
      this.#overlay ??= new Map();
      this.#overlay.set(slot, entry);
    }
  }

  /** The waiting deltas that go on from the ledger without a gap, up to the first that ends in a whole state. */
  #chain(): readonly Delta[] {
    const chain: Delta[] = [];
    let through = this.ledger.head.upto;
    for (const delta of this.#early) {
      if (delta.after > through) break;
      if (delta.through <= through) continue;
      chain.push(delta);
      through = delta.through;
      if (through === delta.head.upto) break;
    }
    return chain;
  }

  #followChains(touch: Touch): Refusal | undefined {
    for (;;) {
      const chain = this.#chain();
      const last = chain.at(-1);
      if (last === undefined || last.through !== last.head.upto) return undefined;
      const { head } = this.ledger;
      const refusal = this.#follow(chain, touch);
      if (refusal !== undefined || head === this.ledger.head) return refusal;
    }
  }

  /**
   * Brings the ledger to where the chain ends. Where that isn't what the owner signed, somebody left something out,
   * not necessarily who sent the last of it: nothing changes, and a snapshot is asked for.
   */
  #follow(chain: readonly Delta[], touch: Touch): Refusal | undefined {
    const { head } = chain.at(-1)!;
    const { upto } = this.ledger.head;
    const entries = chain.flatMap(delta => delta.entries.filter(entry => entry.seq > upto));
    const draft = this.ledger.draft(entries, false);
    const objection = this.ledger.objection(draft, head);
    if (objection === undefined) {
      this.#commit(draft, head, touch);
    } else if (objection === 'liar') {
      this.#needSnapshot();
    }
    this.#discard(delta => chain.includes(delta), touch);
    return objection === 'liar' ? undefined : objection;
  }

  #takeSnapshot(delta: Delta, touch: Touch): Refusal | undefined {
    const { head, after, through, entries } = delta;
    if (after === 0 && through === head.upto) return this.#replace(entries, head, touch);
    const stage = this.#stage;
    // A peer that can't go on from our pieces starts again; the same piece from two peers is no reason to.
    if (after === 0 && (stage === undefined || stage.through === 0 || !isSameHead(head, stage.head))) {
      this.#stage = { head, through, upto: head.upto, entries: [...entries] };
      return undefined;
    }
    const goesOn =
      stage !== undefined && after <= stage.through && through > stage.through && stage.through > 0;
    if (!goesOn || head.upto < stage.upto) return undefined;
    return this.#addPiece(stage, delta, touch);
  }

  #addPiece(stage: Stage, { head, through, entries }: Delta, touch: Touch): Refusal | undefined {
    for (const entry of entries) if (entry.seq > stage.through) stage.entries.push(entry);
    stage.head = head;
    stage.through = through;
    if (stage.entries.length > this.#limits.live + this.#limits.deletions) return this.#restage();
    if (through < head.upto) return undefined;
    // The pieces may come from several peers: none of them is to blame alone.
    const refusal = this.#replace(stage.entries, head, touch);
    return refusal === 'liar' ? this.#restage() : refusal;
  }

  #needSnapshot(): void {
    this.#stage ??= this.#emptyStage();
  }

  #restage(): undefined {
    this.#stage = this.#emptyStage();
  }

  #emptyStage(): Stage {
    return { head: this.ledger.head, through: 0, upto: 0, entries: [] };
  }

  #replace(entries: readonly Entry[], head: Head, touch: Touch): Refusal | undefined {
    const draft = this.ledger.draft(entries, true);
    const objection = this.ledger.objection(draft, head);
    if (objection !== undefined) return objection;
    this.#commit(draft, head, touch);
    this.#discard(() => false, touch);
    return this.#followChains(touch);
  }

  #commit(draft: Draft, head: Head, touch: Touch): void {
    this.ledger.commit(draft, head, touch);
    this.#stage = undefined;
    this.version += 1;
  }

  /** Drops the waiting deltas that `isDone` names and those that the ledger has overtaken. */
  #discard(isDone: (delta: Delta) => boolean, touch: Touch): void {
    if (this.#early.length === 0) return;
    const { upto } = this.ledger.head;
    this.#early = this.#early.filter(delta => delta.through > upto && !isDone(delta));
    for (const slot of this.#overlay?.keys() ?? []) touch(slot);
    this.#overlay = undefined;
    for (const delta of this.#early) this.#lay(delta, touch);
  }
}
