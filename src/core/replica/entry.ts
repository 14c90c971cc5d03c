import { compare, type PeerId } from '../address.ts';
import { createWriter } from '../bytes.ts';

/** One fact, written and signed by one owner. */
export interface Entry {
  readonly owner: PeerId;
  /** The owner's numbering of its entries: 1, 2, 3 ... */
  readonly seq: number;
  /** Lamport time: one more than any the owner had seen. */
  readonly stamp: number;
  readonly domain: string;
  readonly key: string;
  /** Undefined says that the key is gone. */
  readonly value: Uint8Array | undefined;
  readonly signature: Uint8Array;
}

/** What an owner signs about all its entries together, so that nobody who hands them on can leave one out. */
export interface Head {
  readonly owner: PeerId;
  /** Its last entry has this number. */
  readonly upto: number;
  readonly stamp: number;
  /** XOR of the hashes of its live entries: 32 bytes; changes with each of them without a look at the others. */
  readonly liveHash: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Of the owner's entries with `after < seq <= complete`, exactly these are live, or are deletions that are still
 * remembered. The last part of what a replica lacks has `complete === head.upto`; with `after === 0` it stands for
 * everything (a snapshot), and replaces.
 */
export interface Delta {
  readonly head: Head;
  readonly after: number;
  readonly complete: number;
  readonly entries: readonly Entry[];
}

/** The heads that a replica holds completely. */
export type Digest = readonly Head[];

/** What became of one key of one owner. */
export interface Change {
  readonly owner: PeerId;
  readonly domain: string;
  readonly key: string;
  /** The live entry; undefined where there is none now. */
  readonly now: Entry | undefined;
}

/** Hash (32 bytes) and signatures, handed in: the core knows no cryptography. */
export interface CryptoFunctions {
  hash(bytes: Uint8Array): Uint8Array;
  /** In the name of this host. */
  sign(bytes: Uint8Array): Uint8Array;
  verify(owner: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** The bytes that an entry's signature is over. */
export function entryBytes(entry: Omit<Entry, 'signature'>): Uint8Array {
  const writer = createWriter().text('mesh entry 1').text(entry.owner).number(entry.seq).number(entry.stamp);
  writer
    .text(entry.domain)
    .text(entry.key)
    .number(entry.value === undefined ? 0 : 1);
  return (entry.value === undefined ? writer : writer.bytes(entry.value)).finish();
}

/** The bytes that a head's signature is over. */
export function headBytes(head: Omit<Head, 'signature'>): Uint8Array {
  const writer = createWriter().text('mesh head 1').text(head.owner).number(head.upto).number(head.stamp);
  return writer.bytes(head.liveHash).finish();
}

/**
 * Which of two heads of one owner stands: the later. Two with one number come from a disk that was rolled back; the
 * higher stamp stands then, then the higher hash, so that all replicas agree.
 */
export function compareHeads(a: Head, b: Head): number {
  return a.upto - b.upto || a.stamp - b.stamp || compare(hex(a.liveHash), hex(b.liveHash));
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
