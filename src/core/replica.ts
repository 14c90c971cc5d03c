import type { PeerId } from './address.ts';
import { isAuthentic, malformation } from './replica/admission.ts';
import { Author, type Rebase, type Write, type Written } from './replica/author.ts';
import { signedHead } from './replica/encoding.ts';
import {
  type Change,
  type CryptoFunctions,
  compareHeads,
  DEFAULT_LIMITS,
  type Delta,
  type Digest,
  type Entry,
  type Head,
  isSameHead,
  type Limits,
  noHead,
  type Refusal,
  slotOf,
} from './replica/fact.ts';
import { Follower } from './replica/follower.ts';
import { LamportClock } from './replica/lamport-clock.ts';
import { missing } from './replica/offer.ts';
import { Registry } from './replica/registry.ts';
import { decodeLedger, encodeLedger } from './replica/storage.ts';

export type { Change, CryptoFunctions, Delta, Digest, Entry, Head, Limits, Rebase, Refusal, Write, Written };

/** What a delta did here. */
export interface Merged {
  readonly changed: readonly Change[];
  /** Its owner has written more than is here now: ask who sent it. */
  readonly gap: boolean;
  readonly refused: Refusal | undefined;
  /** It told something that wasn't known here: worth telling on. */
  readonly news: boolean;
}

/**
 * One host's copy of everybody's facts. Each owner numbers and signs its own; whatever the order, the losses and the
 * repetitions in which deltas arrive, replicas that have exchanged digests hold the same. Synchronous, no clock.
 */
export interface Replica {
  /**
   * Writes own facts as one delta. A value that is there already, and a deletion of what isn't, write nothing; where
   * nothing is left, the answer is undefined. Throws where a domain, key or value is larger than an entry may be, or
   * there is no `room`.
   */
  write(writes: readonly Write[]): Written | undefined;
  /** How many more keys `write` can add. */
  room(): number;
  /** Takes in what another replica gave. Own facts are taken from nobody. */
  merge(delta: Delta): Merged;
  digest(): Digest;
  /** Equal where digests are (but for 2^-53): compares replicas in one number. What is on its way doesn't count. */
  fingerprint(): number;
  /** What a replica with this digest lacks, in at most `limit` bytes and one head; the rest when it asks again. */
  missing(theirs: Digest, limit: number): readonly Delta[];
  /** Owners of whom a replica with this digest has more than this one. */
  behind(theirs: Digest): readonly PeerId[];
  /** All that lives, of one domain or of all, in the order of owners first seen. */
  entries(domain?: string): Iterable<Entry>;
  get(owner: PeerId, domain: string, key: string): Entry | undefined;
  ofOwner(owner: PeerId): readonly Entry[];
  head(owner: PeerId): Head | undefined;
  owners(): readonly PeerId[];
  /** The highest seq that this host has given out. */
  ownSeq(): number;
  /** Whether `merge` would have to check the signatures of `delta`: it may tell something new. */
  concerns(delta: Delta): boolean;
  /**
   * Where a head in our name comes from: `known` we wrote and remember, or it is behind; `lost` carries our signature,
   * but we never wrote it (our disk was rolled back, or our key is used twice); `forged` does not.
   */
  originOfOwn(head: Head): 'known' | 'lost' | 'forged';
  /** Issues the own live set anew above `seq`, so that it replaces everywhere what others hold. */
  rebase(seq: number, how?: Rebase): Written;
  /** One owner's set for the store; undefined where nothing of it is whole. */
  export(owner: PeerId): Uint8Array | undefined;
  /**
   * Takes back what `export` gave, in a replica that holds nothing of that owner; undefined where the bytes aren't
   * what the owner signed.
   */
  restore(bytes: Uint8Array): readonly Change[] | undefined;
}

const NOTHING: Merged = { changed: [], gap: false, refused: undefined, news: false };

/** What is held, for those who look on. */
export type Facts = Pick<
  Replica,
  'digest' | 'entries' | 'fingerprint' | 'get' | 'head' | 'ofOwner' | 'owners' | 'ownSeq'
>;

/** A replica that holds nothing yet. */
export function createReplica(options: {
  readonly self: PeerId;
  readonly crypto: CryptoFunctions;
  readonly limits?: Partial<Limits>;
}): Replica {
  return new HostReplica(options.self, options.crypto, { ...DEFAULT_LIMITS, ...options.limits });
}

class HostReplica implements Replica {
  readonly #self: PeerId;
  readonly #crypto: CryptoFunctions;
  readonly #limits: Limits;
  readonly #own: Follower;
  readonly #registry: Registry;
  readonly #clock = new LamportClock();
  readonly #author: Author;

  constructor(self: PeerId, crypto: CryptoFunctions, limits: Limits) {
    this.#self = self;
    this.#crypto = crypto;
    this.#limits = limits;
    this.#own = new Follower(self, crypto, limits);
    this.#registry = new Registry(crypto);
    this.#registry.add(this.#own);
    this.#author = new Author(this.#own, this.#registry, this.#clock, crypto);
  }

  write(writes: readonly Write[]): Written | undefined {
    return this.#author.write(writes);
  }

  rebase(seq: number, how: Rebase = {}): Written {
    return this.#author.rebase(seq, how);
  }

  room(): number {
    return this.#limits.live - this.#own.ledger.live.size;
  }

  merge(delta: Delta): Merged {
    const { head } = delta;
    if (head.owner === this.#self) return NOTHING;
    const refusal = malformation(delta, this.#limits);
    if (refusal !== undefined) return { ...NOTHING, refused: refusal };
    const known = this.#registry.get(head.owner);
    if (known !== undefined && !known.isNews(delta)) {
      // Who sends the beginning of something has more of it, also where we knew the beginning.
      return { ...NOTHING, gap: delta.through < head.upto && known.behind };
    }
    if (known === undefined && this.#registry.size >= this.#limits.owners) {
      return { ...NOTHING, refused: 'too-many-owners' };
    }
    if (!isAuthentic(delta, known, this.#crypto)) return { ...NOTHING, refused: 'bad-signature' };
    return this.#take(known ?? new Follower(head.owner, this.#crypto, this.#limits), delta);
  }

  #take(follower: Follower, delta: Delta): Merged {
    this.#registry.add(follower);
    this.#sawStamps(delta.head, delta.entries);
    const { version } = follower;
    let refused: Refusal | undefined;
    const changed = this.#registry.change(follower, touch => {
      refused = follower.take(delta, touch);
    });
    return { changed, gap: follower.behind, refused, news: follower.version !== version };
  }

  #sawStamps(head: Head, entries: readonly Entry[]): void {
    this.#clock.saw(entries.reduce((latest, { stamp }) => Math.max(latest, stamp), head.stamp));
  }

  digest(): Digest {
    return [...this.#registry.all()].map(follower => follower.standing()).filter(line => line !== undefined);
  }

  fingerprint(): number {
    return this.#registry.fingerprint;
  }

  missing(theirs: Digest, limit: number): readonly Delta[] {
    return missing(this.#registry.all(), theirs, limit);
  }

  behind(theirs: Digest): readonly PeerId[] {
    const isMore = (head: Head): boolean => {
      const held = this.#registry.get(head.owner)?.ledger.head ?? noHead(head.owner);
      return head.owner !== this.#self && compareHeads(head, held) > 0;
    };
    return theirs.filter(isMore).map(head => head.owner);
  }

  *entries(domain?: string): Iterable<Entry> {
    for (const follower of this.#registry.all()) {
      for (const entry of follower.all()) if (domain === undefined || entry.domain === domain) yield entry;
    }
  }

  get(owner: PeerId, domain: string, key: string): Entry | undefined {
    return this.#registry.get(owner)?.visible(slotOf(domain, key));
  }

  ofOwner(owner: PeerId): readonly Entry[] {
    return [...(this.#registry.get(owner)?.all() ?? [])];
  }

  head(owner: PeerId): Head | undefined {
    const head = this.#registry.get(owner)?.ledger.head;
    return head === undefined || head.upto === 0 ? undefined : head;
  }

  owners(): readonly PeerId[] {
    return [...this.#registry.all()]
      .map(({ ledger }) => ledger.head)
      .filter(isAny)
      .map(({ owner }) => owner);
  }

  ownSeq(): number {
    return this.#own.ledger.head.upto;
  }

  concerns(delta: Delta): boolean {
    if (delta.head.owner === this.#self || malformation(delta, this.#limits) !== undefined) return false;
    const known = this.#registry.get(delta.head.owner);
    return known === undefined ? this.#registry.size < this.#limits.owners : known.isNews(delta);
  }

  originOfOwn(head: Head): 'known' | 'lost' | 'forged' {
    const { head: ours } = this.#own.ledger;
    if (head.upto < ours.upto || isSameHead(head, ours)) return 'known';
    return this.#crypto.verify(this.#self, signedHead(head), head.signature) ? 'lost' : 'forged';
  }

  export(owner: PeerId): Uint8Array | undefined {
    const ledger = this.#registry.get(owner)?.ledger;
    return ledger === undefined || !isAny(ledger.head) ? undefined : encodeLedger(ledger);
  }

  restore(bytes: Uint8Array): readonly Change[] | undefined {
    const stored = decodeLedger(bytes);
    if (stored === undefined) return undefined;
    const { head, floor, entries } = stored;
    const follower = this.#registry.get(head.owner) ?? new Follower(head.owner, this.#crypto, this.#limits);
    const { ledger } = follower;
    if (isAny(ledger.head) || !this.#crypto.verify(head.owner, signedHead(head), head.signature))
      return undefined;
    // The head vouches for the live entries: checking their signatures one by one would only cost time.
    const draft = ledger.draft(entries, false);
    if (ledger.objection(draft, head) !== undefined) return undefined;
    this.#registry.add(follower);
    this.#sawStamps(head, entries);
    follower.newest = head;
    const changes = this.#registry.change(follower, touch => ledger.commit(draft, head, touch));
    ledger.floor = Math.max(ledger.floor, floor);
    return changes;
  }
}

const isAny = (head: Head): boolean => head.upto > 0;
