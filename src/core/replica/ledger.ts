import type { PeerId } from '../address.ts';
import { equalBytes } from '../bytes.ts';
import { signedEntry } from './encoding.ts';
import {
  type CryptoFunctions,
  EMPTY,
  type Entry,
  type Head,
  type Limits,
  noHead,
  type Refusal,
  slotOf,
} from './fact.ts';
import { type HashTree, rootOf, withMember, withoutMember } from './live-hash.ts';

interface Held {
  readonly entry: Entry;
  readonly hash: Uint8Array;
}

/** A change of the ledger that was worked out, but not made. */
export interface Draft {
  readonly news: ReadonlyMap<string, Held>;
  readonly replaces: boolean;
  readonly tree: HashTree;
  readonly liveCount: number;
  readonly liveHash: Uint8Array;
}

/** Called for each key before it changes. */
export type Touch = (slot: string) => void;

/**
 * One owner's set, whole at `head`: the live entries, and the deletions since `floor`. Both maps are in the order of
 * their seq. It changes only from one state that the owner signed to another.
 */
export class Ledger {
  head: Head;
  /** Every deletion with a higher seq is remembered. */
  floor = 0;
  readonly live = new Map<string, Held>();
  readonly deletions = new Map<string, Entry>();
  #tree: HashTree;
  readonly #crypto: CryptoFunctions;
  readonly #limits: Limits;

  constructor(owner: PeerId, crypto: CryptoFunctions, limits: Limits) {
    this.head = noHead(owner);
    this.#crypto = crypto;
    this.#limits = limits;
  }

  /** What `entries` (ascending) make of it; with `replaces`, of nothing. */
  draft(entries: Iterable<Entry>, replaces: boolean): Draft {
    const news = new Map<string, Held>();
    for (const entry of entries) {
      const slot = slotOf(entry.domain, entry.key);
      news.delete(slot);
      const hash = entry.value === undefined ? EMPTY : this.#crypto.hash(signedEntry(entry));
      news.set(slot, { entry, hash });
    }
    let tree = replaces ? undefined : this.#tree;
    let liveCount = replaces ? 0 : this.live.size;
    for (const [slot, { entry, hash }] of news) {
      const held = replaces ? undefined : this.live.get(slot);
      if (held !== undefined) {
        tree = withoutMember(tree, held.hash);
        liveCount -= 1;
      }
      if (entry.value !== undefined) {
        tree = withMember(tree, hash);
        liveCount += 1;
      }
    }
    return { news, replaces, tree, liveCount, liveHash: rootOf(tree, this.#crypto) };
  }

  /** Why the draft is not what `head` says, or more than one owner may have; undefined where it can be committed. */
  objection(draft: Draft, head: Head): Refusal | undefined {
    if (!equalBytes(draft.liveHash, head.liveHash)) return 'liar';
    return draft.liveCount > this.#limits.live ? 'too-many-entries' : undefined;
  }

  commit(draft: Draft, head: Head, touch: Touch): void {
    if (draft.replaces) {
      for (const slot of this.live.keys()) touch(slot);
      this.live.clear();
      this.deletions.clear();
      // Which deletions went before can't be told from a snapshot.
      this.floor = head.upto;
    }
    for (const [slot, held] of draft.news) {
      touch(slot);
      this.live.delete(slot);
      this.deletions.delete(slot);
      if (held.entry.value !== undefined) this.live.set(slot, held);
      else if (!draft.replaces) this.deletions.set(slot, held.entry);
    }
    this.#tree = draft.tree;
    this.head = head;
    this.#forget();
  }

  /** The newest entry of every key with a higher seq, ascending; deletions among them where `deletions`. */
  since(seq: number, deletions: boolean): readonly Entry[] {
    const entries: Entry[] = [];
    for (const { entry } of this.live.values()) if (entry.seq > seq) entries.push(entry);
    if (!deletions || this.deletions.size === 0) return entries;
    for (const entry of this.deletions.values()) if (entry.seq > seq) entries.push(entry);
    return entries.sort((a, b) => a.seq - b.seq);
  }

  #forget(): void {
    for (const [slot, { seq }] of this.deletions) {
      if (this.deletions.size <= this.#limits.deletions) return;
      this.deletions.delete(slot);
      this.floor = seq;
    }
  }
}
