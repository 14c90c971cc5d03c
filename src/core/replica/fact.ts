import type { PeerId } from '../address.ts';
import { compareBytes, equalBytes } from '../bytes.ts';

/** One fact, written and numbered by its owner: seq 1, 2, 3 ... */
export interface Entry {
  readonly owner: PeerId;
  readonly seq: number;
  /** Lamport time: one more than any that the owner had seen. Decides between facts that contradict. */
  readonly stamp: number;
  readonly domain: string;
  readonly key: string;
  /** Undefined: deleted. */
  readonly value: Uint8Array | undefined;
  /** Fields of a later version: kept, signed with the rest, passed on. */
  readonly extra: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * What an owner says of its whole set after `upto`. It travels with every delta, so that a relay can leave nothing
 * out: what a receiver then holds must have this hash.
 */
export interface Head {
  readonly owner: PeerId;
  /** The highest seq given out. */
  readonly upto: number;
  readonly stamp: number;
  /** Root over the live entries at `upto` (see `live-hash.ts`). */
  readonly liveHash: Uint8Array;
  readonly extra: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * News of one owner. The entries, ascending, are the newest of each key among `after < seq <= through`; a snapshot
 * with `after` 0 is all that lives, and replaces. One that is cut short has `through < head.upto`: the rest follows
 * from there; with no entries it just says that there is more.
 */
export interface Delta {
  readonly head: Head;
  readonly after: number;
  readonly through: number;
  readonly snapshot: boolean;
  readonly entries: readonly Entry[];
}

/**
 * What a replica has of one owner: everything at the head (upto 0, unsigned: nothing), and the beginning of more.
 * `through` is where to go on with a delta; `stage` tells that a snapshot is needed, and where to go on with it.
 */
export interface Standing extends Head {
  readonly through: number;
  readonly stage: { readonly through: number; readonly upto: number } | undefined;
}

export type Digest = readonly Standing[];

/** What became of one key of one owner. Undefined where it isn't there. */
export interface Change {
  readonly owner: PeerId;
  readonly domain: string;
  readonly key: string;
  readonly now: Entry | undefined;
  readonly previous: Entry | undefined;
}

/**
 * Why a delta was not taken in. All but the last two prove that the peer that sent it made it up or passes on what it
 * should have refused. `liar`: a whole snapshot that isn't what its owner signed. `too-many-entries` is the fault of the
 * owner: a carrier that lacks what went before can't tell.
 */
export type Refusal =
  | 'malformed'
  | 'not-owner'
  | 'bad-signature'
  | 'over-limit'
  | 'liar'
  | 'too-many-entries'
  | 'too-many-owners';

/** Handed in, because they aren't pure TypeScript. None may keep the bytes that it is given. */
export interface CryptoFunctions {
  /** 32 bytes, collision-resistant (SHA-256). */
  hash(bytes: Uint8Array): Uint8Array;
  /** As `self`; at most 128 bytes (Ed25519). */
  sign(bytes: Uint8Array): Uint8Array;
  /** Never throws; an owner that is no key gives false. */
  verify(owner: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** What a replica takes from others at most. */
export interface Limits {
  /** Live entries of one owner. */
  readonly live: number;
  /** Deletions remembered of one owner. */
  readonly deletions: number;
  /** Deltas of one owner that wait for a gap to be filled. */
  readonly early: number;
  readonly owners: number;
}

export const DEFAULT_LIMITS: Limits = {
  // A host with more containers than this has other troubles; 16 MiB of memory at worst.
  live: 4_096,
  // Who misses more gets a snapshot, which costs little more than so many deletions.
  deletions: 1_000,
  // A burst that lost its first message; what doesn't fit comes by sync.
  early: 64,
  // Identities cost nothing, memory does; ten times the largest mesh in mind.
  owners: 10_000,
};

/** 2^48: at a thousand writes a second, nine thousand years. Leaves room to count above it. */
export const NUMBER_MAX = 2 ** 48;

export const EMPTY = new Uint8Array(0);
export const HASH_BYTES = 32;
const NO_HASH = new Uint8Array(HASH_BYTES);

/** The head of an owner of whom nothing is held. */
export const noHead = (owner: PeerId): Head => ({
  owner,
  upto: 0,
  stamp: 0,
  liveHash: NO_HASH,
  extra: EMPTY,
  signature: EMPTY,
});

/** One key of one domain, as a map key. A domain has no NUL. */
export const slotOf = (domain: string, key: string): string => `${domain}\0${key}`;

/**
 * Orders the heads of one owner, the newer higher. Two that differ at one upto mean that its disk was rolled back or
 * that it has two minds; then every replica must choose alike, whichever it saw first.
 */
export function compareHeads(a: Head, b: Head): number {
  return a.upto - b.upto || a.stamp - b.stamp || compareBytes(a.liveHash, b.liveHash);
}

/** Whether both are one and the same, signature and all. */
export const isSameHead = (a: Head, b: Head): boolean =>
  a.owner === b.owner &&
  compareHeads(a, b) === 0 &&
  equalBytes(a.extra, b.extra) &&
  equalBytes(a.signature, b.signature);

/** As `isSameHead`, for two entries that live under one key. */
export const isSameEntry = (a: Entry, b: Entry): boolean =>
  a === b ||
  (a.owner === b.owner &&
    a.seq === b.seq &&
    a.stamp === b.stamp &&
    a.value !== undefined &&
    b.value !== undefined &&
    equalBytes(a.value, b.value) &&
    equalBytes(a.extra, b.extra) &&
    equalBytes(a.signature, b.signature));
