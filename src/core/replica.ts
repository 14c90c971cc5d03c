import type { PeerId } from './address.ts';
import { byteLength, equalBytes } from './bytes.ts';
import { isAuthentic, malformation } from './replica/admission.ts';
import { SIZES, signedEntry, signedHead } from './replica/encoding.ts';
import {
  type Change,
  type CryptoFunctions,
  compareHeads,
  DEFAULT_LIMITS,
  type Delta,
  type Digest,
  EMPTY,
  type Entry,
  type Head,
  isSameHead,
  type Limits,
  type Refusal,
  type Standing,
  slotOf,
} from './replica/fact.ts';
import { Follower } from './replica/follower.ts';
import { missing } from './replica/offer.ts';
import { decodeLedger, encodeLedger } from './replica/storage.ts';

export type { Change, CryptoFunctions, Delta, Digest, Entry, Head, Limits, Refusal, Standing };

/** A wish of the own host: a value, or undefined to delete. */
export interface Write {
  readonly domain: string;
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** What was written: for the others, and for the views here. */
export interface Written {
  readonly delta: Delta;
  readonly changes: readonly Change[];
}

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
  /** Whether `head` carries our signature, but we never wrote it: our disk was rolled back, or our key is used twice. */
  isForeignOwn(head: Head): boolean;
  /** Issues the own live set anew above `seq`, so that it replaces everywhere what others hold. Stamps are kept. */
  rebase(seq: number): Written;
  /** One owner's set for the store; undefined where nothing of it is whole. */
  export(owner: PeerId): Uint8Array | undefined;
  /**
   * Takes back what `export` gave, in a replica that holds nothing of that owner; undefined where the bytes aren't
   * what the owner signed.
   */
  restore(bytes: Uint8Array): readonly Change[] | undefined;
}

/** One stamp may leap ahead of all that we know by this much; from a larger one we only go so far. */
const STAMP_LEAP = 2 ** 32;

const NOTHING: Merged = { changed: [], gap: false, refused: undefined, news: false };

export function createReplica(options: {
  readonly self: PeerId;
  readonly crypto: CryptoFunctions;
  readonly limits?: Partial<Limits>;
}): Replica {
  const { self, crypto } = options;
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const own = new Follower(self, crypto, limits);
  const followers = new Map<PeerId, Follower>([[self, own]]);
  let clock = 0;
  let fingerprintHigh = 0;
  let fingerprintLow = 0;

  /** Follows Lamport's rule, but no single peer can push it to the end of the numbers. */
  function sawStamp(stamp: number): void {
    clock = Math.max(clock, Math.min(stamp, clock + STAMP_LEAP));
  }

  function toggleFingerprint(head: Head): void {
    if (head.upto === 0) return;
    const hash = crypto.hash(signedHead(head));
    fingerprintHigh ^= ((hash[0]! << 16) | (hash[1]! << 8) | hash[2]!) & 0x1f_ff_ff;
    fingerprintLow ^= (hash[3]! << 24) | (hash[4]! << 16) | (hash[5]! << 8) | hash[6]!;
  }

  /** Runs `action`, and tells what became different for those who read. */
  function changesOf(follower: Follower, action: (touch: (slot: string) => void) => void): Change[] {
    const { head } = follower.ledger;
    const before = new Map<string, Entry | undefined>();
    action(slot => {
      if (!before.has(slot)) before.set(slot, follower.visible(slot));
    });
    if (follower.ledger.head !== head) {
      toggleFingerprint(head);
      toggleFingerprint(follower.ledger.head);
    }
    const changes: Change[] = [];
    for (const [slot, previous] of before) {
      const now = follower.visible(slot);
      const { domain, key } = now ?? previous ?? {};
      if (now === previous || domain === undefined || key === undefined) continue;
      changes.push({ owner: head.owner, domain, key, now, previous });
    }
    return changes;
  }

  function signEntry(seq: number, stamp: number, { domain, key, value }: Write): Entry {
    const entry = { owner: self, seq, stamp, domain, key, value, extra: EMPTY };
    return { ...entry, signature: crypto.sign(signedEntry(entry)) };
  }

  function issue(entries: readonly Entry[], upto: number, replaces: boolean): Written {
    const after = own.ledger.head.upto;
    const draft = own.ledger.draft(entries, replaces);
    const unsigned = { owner: self, upto, stamp: clock, liveHash: draft.liveHash, extra: EMPTY };
    const head: Head = { ...unsigned, signature: crypto.sign(signedHead(unsigned)) };
    const objection = own.ledger.objection(draft, head);
    if (objection !== undefined) throw new Error(`own facts refused: ${objection}`);
    const changes = changesOf(own, touch => own.ledger.commit(draft, head, touch));
    own.newest = head;
    const delta = { head, after: replaces ? 0 : after, through: upto, snapshot: replaces, entries };
    return { delta, changes };
  }

  function write(writes: readonly Write[]): Written | undefined {
    const wanted = new Map<string, Write>();
    for (const change of writes) {
      check(change);
      wanted.set(slotOf(change.domain, change.key), change);
    }
    for (const [slot, { value }] of wanted) {
      const held = own.visible(slot)?.value;
      const isSame = value === undefined || held === undefined ? value === held : equalBytes(value, held);
      if (isSame) wanted.delete(slot);
    }
    if (wanted.size === 0) return undefined;
    clock += 1;
    let seq = own.ledger.head.upto;
    const entries = [...wanted.values()].map(change => {
      seq += 1;
      return signEntry(seq, clock, change);
    });
    return issue(entries, seq, false);
  }

  function rebase(seq: number): Written {
    clock += 1;
    // A seq that no entry has, so that whoever is below it is below the floor.
    let upto = Math.max(seq, own.ledger.head.upto) + 1;
    const entries = own.ledger.since(0, false).map(entry => {
      upto += 1;
      return signEntry(upto, entry.stamp, entry);
    });
    return issue(entries, upto, true);
  }

  function merge(delta: Delta): Merged {
    const { head } = delta;
    if (head.owner === self) return NOTHING;
    const known = followers.get(head.owner);
    const refusal = malformation(delta, limits);
    if (refusal !== undefined) return { ...NOTHING, refused: refusal };
    const isCut = delta.through < head.upto;
    if (known !== undefined && !known.isNews(delta)) return { ...NOTHING, gap: isCut && known.behind };
    if (known === undefined && followers.size >= limits.owners)
      return { ...NOTHING, refused: 'too-many-owners' };
    if (!isAuthentic(delta, known, crypto)) return { ...NOTHING, refused: 'bad-signature' };
    const follower = known ?? new Follower(head.owner, crypto, limits);
    followers.set(head.owner, follower);
    sawStamp(head.stamp);
    for (const { stamp } of delta.entries) sawStamp(stamp);
    let refused: Refusal | undefined;
    const changed = changesOf(follower, touch => {
      refused = follower.take(delta, touch);
    });
    return { changed, gap: follower.behind, refused, news: refused === undefined };
  }

  function restore(bytes: Uint8Array): readonly Change[] | undefined {
    const stored = decodeLedger(bytes);
    if (stored === undefined) return undefined;
    const { head, floor, entries } = stored;
    const follower = followers.get(head.owner) ?? new Follower(head.owner, crypto, limits);
    if (follower.ledger.head.upto > 0) return undefined;
    // The head vouches for the live entries: checking their signatures one by one would only cost time.
    if (!crypto.verify(head.owner, signedHead(head), head.signature)) return undefined;
    const draft = follower.ledger.draft(entries, false);
    if (follower.ledger.objection(draft, head) !== undefined) return undefined;
    followers.set(head.owner, follower);
    const changes = changesOf(follower, touch => follower.ledger.commit(draft, head, touch));
    follower.ledger.floor = Math.max(follower.ledger.floor, floor);
    follower.newest = head;
    sawStamp(head.stamp);
    for (const { stamp } of entries) sawStamp(stamp);
    return changes;
  }

  function* entries(domain?: string): Iterable<Entry> {
    for (const follower of followers.values()) {
      for (const entry of follower.all()) if (domain === undefined || entry.domain === domain) yield entry;
    }
  }

  return {
    write,
    merge,
    rebase,
    restore,
    entries,
    room: () => limits.live - own.ledger.live.size,
    digest: () =>
      [...followers.values()].map(follower => follower.standing()).filter(line => line !== undefined),
    fingerprint: () => fingerprintHigh * 2 ** 32 + (fingerprintLow >>> 0),
    missing: (theirs, limit) => missing(followers.values(), theirs, limit),
    behind: theirs =>
      theirs
        .filter(head => {
          const held = followers.get(head.owner)?.ledger.head;
          return head.owner !== self && (held === undefined ? head.upto > 0 : compareHeads(head, held) > 0);
        })
        .map(head => head.owner),
    get: (owner, domain, key) => followers.get(owner)?.visible(slotOf(domain, key)),
    ofOwner: owner => [...(followers.get(owner)?.all() ?? [])],
    head(owner) {
      const head = followers.get(owner)?.ledger.head;
      return head === undefined || head.upto === 0 ? undefined : head;
    },
    owners: () => [...followers].filter(([, { ledger }]) => ledger.head.upto > 0).map(([owner]) => owner),
    ownSeq: () => own.ledger.head.upto,
    isForeignOwn(head) {
      const { head: ours } = own.ledger;
      if (head.owner !== self || head.upto < ours.upto || isSameHead(head, ours)) return false;
      return crypto.verify(self, signedHead(head), head.signature);
    },
    export(owner) {
      const ledger = followers.get(owner)?.ledger;
      return ledger === undefined || ledger.head.upto === 0 ? undefined : encodeLedger(ledger);
    },
  };
}

/** What the own host writes is its own affair; that it is well formed is not. */
function check({ domain, key, value }: Write): void {
  const text = `${domain}/${key}`;
  const isNamed = domain !== '' && !domain.includes('\0') && text.isWellFormed();
  const fits =
    byteLength(domain) <= SIZES.domain && byteLength(key) <= SIZES.key && (value?.length ?? 0) <= SIZES.value;
  if (!isNamed || !fits) throw new RangeError(`not an entry: ${text}`);
}
