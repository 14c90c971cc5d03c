import type { PeerId } from '../address.ts';
import {
  type Change,
  type CryptoFunctions,
  compareHeads,
  type Delta,
  type Entry,
  entryBytes,
  type Head,
} from './entry.ts';

/** Deletions that an owner's ledger remembers; who was away for more gets a snapshot. */
const DELETIONS_KEPT = 1_000;
/** Ranges that arrived before what precedes them; more are left to anti-entropy. */
const EARLY_KEPT = 32;
const HASH_BYTES = 32;

interface Held {
  readonly entry: Entry;
  readonly hash: Uint8Array;
}

interface Range {
  readonly after: number;
  readonly complete: number;
}

/** What a replica holds of one owner. */
export interface Ledger {
  /** Nothing is missing up to here. */
  upto(): number;
  /** Who is behind this number needs a snapshot. */
  floor(): number;
  /** The last signed head that all entries up to it were found to agree with. */
  head(): Head | undefined;
  live(domain: string, key: string): Entry | undefined;
  entries(): Iterable<Entry>;
  /** Whether this very entry is held: then its signature was checked. */
  holds(entry: Entry): boolean;
  /** Takes in a checked delta; tells what it changed and whether something is missing now. */
  merge(delta: Delta): { readonly changes: readonly Change[]; readonly gap: boolean };
  /** The entries after a number, at most about `limit` bytes of them; undefined where they have all. */
  since(after: number, limit: number): Delta | undefined;
  /** XOR of the hashes of the live entries. */
  liveHash(): Uint8Array;
  /** Puts in what this host itself has written. */
  append(entries: readonly Entry[], head: (liveHash: Uint8Array) => Head): readonly Change[];
  /** Takes over a stored state whose deletions are not known any more. */
  raiseFloor(seq: number): void;
}

const slot = (domain: string, key: string): string => `${domain}\n${key}`;

export function createLedger(owner: PeerId, crypto: CryptoFunctions): Ledger {
  let live = new Map<string, Held>();
  let liveHash = new Uint8Array(HASH_BYTES);
  let deletions: Entry[] = [];
  let early: Range[] = [];
  let upto = 0;
  let floor = 0;
  let head: Head | undefined;
  /** The held entries contradict the owner's head: a snapshot is needed. */
  let suspect = false;

  const holding = (entry: Entry): Held => ({ entry, hash: crypto.hash(entryBytes(entry)) });

  const flip = (hash: Uint8Array): void => {
    for (let index = 0; index < HASH_BYTES; index += 1) liveHash[index]! ^= hash[index]!;
  };

  const change = (entry: Entry, now: Entry | undefined): Change => ({
    owner,
    domain: entry.domain,
    key: entry.key,
    now,
  });

  function drop(name: string): void {
    const held = live.get(name);
    if (held === undefined) return;
    flip(held.hash);
    live.delete(name);
  }

  function remember(deletion: Entry): void {
    if (deletion.seq <= floor || deletions.some(({ seq }) => seq === deletion.seq)) return;
    deletions.push(deletion);
    deletions.sort((a, b) => a.seq - b.seq);
    while (deletions.length > DELETIONS_KEPT) floor = deletions.shift()!.seq;
  }

  /** Puts in one entry, unless a later one for its key is held. */
  function put(entry: Entry): Change | undefined {
    const name = slot(entry.domain, entry.key);
    const held = live.get(name);
    if (held !== undefined && held.entry.seq >= entry.seq) return undefined;
    const deleted = deletions.some(
      other => other.seq > entry.seq && other.domain === entry.domain && other.key === entry.key,
    );
    if (deleted) return undefined;
    drop(name);
    if (entry.value === undefined) {
      remember(entry);
      return held === undefined ? undefined : change(entry, undefined);
    }
    const fresh = holding(entry);
    flip(fresh.hash);
    live.set(name, fresh);
    return change(entry, entry);
  }

  /** Moves `upto` over the ranges that had arrived early and now join on. */
  function advance(complete: number): void {
    upto = Math.max(upto, complete);
    early.sort((a, b) => a.after - b.after);
    for (const range of early) if (range.after <= upto) upto = Math.max(upto, range.complete);
    early = early.filter(range => range.complete > upto);
  }

  function replace(delta: Delta, hash: Uint8Array): readonly Change[] {
    const before = live;
    const changes: Change[] = [];
    live = new Map();
    liveHash = new Uint8Array(HASH_BYTES);
    deletions = [];
    for (const entry of delta.entries) {
      if (entry.value === undefined) continue;
      const name = slot(entry.domain, entry.key);
      const known = before.get(name);
      live.set(name, known?.entry.seq === entry.seq ? known : holding(entry));
      if (known?.entry.seq !== entry.seq) changes.push(change(entry, entry));
    }
    liveHash = hash.slice();
    const remembered = delta.entries.filter(entry => entry.value === undefined).sort((a, b) => a.seq - b.seq);
    floor = remembered[0] === undefined ? delta.complete : remembered[0].seq - 1;
    for (const deletion of remembered) remember(deletion);
    for (const [name, { entry }] of before) {
      if (live.get(name)?.entry.seq === entry.seq) continue;
      // What came early, and is later than the snapshot, stays.
      const kept = entry.seq > delta.complete ? put(entry) : undefined;
      if (kept === undefined && !live.has(name)) changes.push(change(entry, undefined));
    }
    upto = delta.complete;
    advance(delta.complete);
    head = delta.head;
    suspect = false;
    return changes;
  }

  /** XOR of the hashes of the live ones among `entries`. */
  function hashOf(entries: readonly Entry[]): Uint8Array {
    const sum = new Uint8Array(HASH_BYTES);
    for (const entry of entries) {
      if (entry.value === undefined) continue;
      const held = live.get(slot(entry.domain, entry.key));
      const { hash } = held?.entry.seq === entry.seq ? held : holding(entry);
      for (let index = 0; index < HASH_BYTES; index += 1) sum[index]! ^= hash[index]!;
    }
    return sum;
  }

  /** In a range that follows what is held, an entry that the owner doesn't list is dead. */
  function bury({ after, complete, entries }: Delta): readonly Change[] {
    const listed = new Set(entries.map(({ seq }) => seq));
    const dead = [...live].filter(
      ([, { entry }]) => entry.seq > after && entry.seq <= complete && !listed.has(entry.seq),
    );
    return dead.map(([name, { entry }]) => {
      drop(name);
      return change(entry, undefined);
    });
  }

  function merge(delta: Delta): { changes: readonly Change[]; gap: boolean } {
    const { after, complete, entries } = delta;
    const newer = head === undefined || compareHeads(delta.head, head) > 0;
    if (after === 0 && complete === delta.head.upto) {
      const hash = hashOf(entries);
      if (!equal(hash, delta.head.liveHash)) return { changes: [], gap: true };
      // One that is older than what is held here teaches nothing.
      if (newer && complete >= upto) return { changes: replace(delta, hash), gap: false };
    }
    const fresh = entries.filter(entry => entry.seq > upto);
    const changes = fresh.flatMap(entry => put(entry) ?? []);
    if (after > upto) {
      if (early.length < EARLY_KEPT) early.push({ after, complete });
      return { changes, gap: true };
    }
    if (complete > upto) {
      changes.push(...bury({ ...delta, after: upto }));
      advance(complete);
    }
    if (newer && delta.head.upto === upto) {
      if (equal(liveHash, delta.head.liveHash)) head = delta.head;
      else suspect = true;
    }
    return { changes, gap: suspect || upto < delta.head.upto };
  }

  function since(after: number, limit: number): Delta | undefined {
    if (head === undefined || head.upto <= after) return undefined;
    const from = after < floor ? 0 : after;
    const wanted = [...[...live.values()].map(({ entry }) => entry), ...deletions]
      .filter(entry => entry.seq > from && entry.seq <= head!.upto)
      .sort((a, b) => a.seq - b.seq);
    let size = 0;
    const fitting = wanted.findIndex(entry => {
      size += sizeOf(entry);
      return size > limit;
    });
    // A snapshot is not cut: it replaces, and a part of one must not.
    if (fitting <= 0 || from === 0) return { head, after: from, complete: head.upto, entries: wanted };
    return { head, after: from, complete: wanted[fitting - 1]!.seq, entries: wanted.slice(0, fitting) };
  }

  return {
    upto: () => upto,
    floor: () => floor,
    head: () => (suspect ? undefined : head),
    live: (domain, key) => live.get(slot(domain, key))?.entry,
    *entries() {
      for (const { entry } of live.values()) yield entry;
    },
    holds: entry => equal(live.get(slot(entry.domain, entry.key))?.entry.signature, entry.signature),
    merge,
    since,
    liveHash: () => liveHash.slice(),
    append(entries, sign) {
      const changes = entries.flatMap(entry => put(entry) ?? []);
      upto = Math.max(upto, ...entries.map(({ seq }) => seq));
      head = sign(liveHash.slice());
      return changes;
    },
    raiseFloor(seq) {
      floor = Math.max(floor, seq);
    },
  };
}

const sizeOf = (entry: Entry): number => 200 + entry.key.length + (entry.value?.length ?? 0);

function equal(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index]);
}
