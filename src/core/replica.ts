import type { PeerId } from './address.ts';
import {
  type Change,
  type CryptoFunctions,
  compareHeads,
  type Delta,
  type Digest,
  type Entry,
  entryBytes,
  type Head,
  headBytes,
} from './replica/entry.ts';
import { createLedger, type Ledger } from './replica/ledger.ts';

export type { Change, CryptoFunctions, Delta, Digest, Entry, Head };

/** What one owner may make every other host hold: a thousand containers with some addresses each, with room to spare. */
const LIVE_MAX = 4_096;
const VALUE_MAX = 4_096;
const KEY_MAX = 600;
/** Numbers that no honest owner reaches, and that still leave room to count on. */
const NUMBER_MAX = 2 ** 48;

/** An own change to make; an undefined value withdraws the key. */
export interface Wish {
  readonly domain: string;
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

export interface Written {
  readonly delta: Delta;
  readonly changes: readonly Change[];
}

export interface Merged {
  readonly changes: readonly Change[];
  /** Something of this owner is missing here. */
  readonly gap: boolean;
  /** Whether anything was learnt: then others may want to hear it too. */
  readonly news: boolean;
  /** Why whoever sent this broke the rules; nothing was taken then. */
  readonly refused: 'bad-signature' | 'not-owner' | 'over-limit' | 'own' | undefined;
}

/** A host's copy of everyone's facts. Any order, loss and repetition of deltas ends in one state everywhere. */
export interface Replica {
  /** Writes own facts; undefined where nothing would change. */
  write(wishes: readonly Wish[]): Written | undefined;
  merge(delta: Delta): Merged;
  digest(): Digest;
  /** What a replica with that digest lacks, about `limit` bytes an owner. */
  missing(theirs: Digest, limit: number): readonly Delta[];
  /** Owners of whom a replica with that digest knows something that is missing here. */
  behind(theirs: Digest): readonly PeerId[];
  ofOwner(owner: PeerId): readonly Entry[];
  owners(): readonly PeerId[];
  /** All that is held of an owner, to be stored; undefined where it is not complete. */
  snapshot(owner: PeerId): Delta | undefined;
  /** Puts back what was stored; only for a replica that holds nothing of that owner. */
  restore(delta: Delta): readonly Change[];
  ownSeq(): number;
  /** Issues all own facts anew with numbers above `seq`: others hold facts of ours that were lost here. */
  rebase(seq: number): Written;
  /** Equal where two replicas hold the same, else different but for one chance in 2^48. */
  fingerprint(): number;
}

export function createReplica({ self, crypto }: { self: PeerId; crypto: CryptoFunctions }): Replica {
  const ledgers = new Map<PeerId, Ledger>();
  const marks = new Map<PeerId, number>();
  let fingerprint = { high: 0, low: 0 };
  let clock = 0;

  function ledgerOf(owner: PeerId): Ledger {
    const known = ledgers.get(owner);
    if (known !== undefined) return known;
    const fresh = createLedger(owner, crypto);
    ledgers.set(owner, fresh);
    return fresh;
  }

  /** Takes the owner's old head out of the fingerprint and puts its new one in. */
  function mark(owner: PeerId): void {
    const head = ledgers.get(owner)?.head();
    const next = head === undefined ? 0 : number48(crypto.hash(headBytes(head)));
    const before = marks.get(owner) ?? 0;
    marks.set(owner, next);
    const halves = (value: number): [number, number] => [Math.floor(value / 2 ** 24), value % 2 ** 24];
    const [[a, b], [c, d]] = [halves(before), halves(next)];
    fingerprint = { high: fingerprint.high ^ a ^ c, low: fingerprint.low ^ b ^ d };
  }

  function issue(wishes: readonly Wish[], from: number): Written {
    const ledger = ledgerOf(self);
    const entries = wishes.map(({ domain, key, value }, index): Entry => {
      clock += 1;
      const entry = { owner: self, seq: from + index + 1, stamp: clock, domain, key, value };
      return { ...entry, signature: crypto.sign(entryBytes(entry)) };
    });
    const complete = from + entries.length;
    const after = ledger.upto();
    const changes = ledger.append(entries, liveHash => {
      const head = { owner: self, upto: complete, stamp: clock, liveHash };
      return { ...head, signature: crypto.sign(headBytes(head)) };
    });
    mark(self);
    return { delta: { head: ledger.head()!, after, complete, entries }, changes };
  }

  function refusal({ head, entries, after, complete }: Delta): Merged['refused'] {
    if (head.owner === self) return 'own';
    if (head.upto > NUMBER_MAX || head.stamp > NUMBER_MAX || after > complete || complete > head.upto)
      return 'over-limit';
    if (entries.length > 2 * LIVE_MAX) return 'over-limit';
    const ledger = ledgers.get(head.owner);
    for (const entry of entries) {
      if (entry.owner !== head.owner) return 'not-owner';
      if (entry.seq <= after || entry.seq > complete || entry.stamp > head.stamp) return 'over-limit';
      if ((entry.value?.length ?? 0) > VALUE_MAX || entry.key.length + entry.domain.length > KEY_MAX)
        return 'over-limit';
      if (ledger?.holds(entry)) continue;
      if (!crypto.verify(entry.owner, entryBytes(entry), entry.signature)) return 'bad-signature';
    }
    return crypto.verify(head.owner, headBytes(head), head.signature) ? undefined : 'bad-signature';
  }

  function merge(delta: Delta): Merged {
    const known = ledgers.get(delta.head.owner);
    const before = known?.head();
    // Gossip repeats itself: what is known needs no look at its signatures.
    if (known !== undefined && before !== undefined && compareHeads(delta.head, before) <= 0) {
      return { changes: [], gap: false, news: false, refused: undefined };
    }
    const refused = refusal(delta);
    if (refused !== undefined) return { changes: [], gap: false, news: false, refused };
    const { owner } = delta.head;
    const ledger = ledgerOf(owner);
    const { changes, gap } = ledger.merge(delta);
    clock = Math.max(clock, delta.head.stamp);
    mark(owner);
    return { changes, gap, news: changes.length > 0 || ledger.head() !== before, refused: undefined };
  }

  const heads = (digest: Digest): ReadonlyMap<PeerId, Head> =>
    new Map(digest.map(head => [head.owner, head]));

  return {
    merge,
    write(wishes) {
      const ledger = ledgerOf(self);
      const real = wishes.filter(({ domain, key, value }) => !same(ledger.live(domain, key)?.value, value));
      return real.length === 0 ? undefined : issue(real, ledger.upto());
    },
    digest: () => [...ledgers.values()].flatMap(ledger => ledger.head() ?? []),
    missing(theirs, limit) {
      const known = heads(theirs);
      return [...ledgers].flatMap(([owner, ledger]) => {
        const [ours, their] = [ledger.head(), known.get(owner)];
        if (ours === undefined || (their !== undefined && compareHeads(ours, their) <= 0)) return [];
        // The same number with another content: the disk of the owner was rolled back. Only all of it helps.
        const after = their === undefined || their.upto === ours.upto ? 0 : their.upto;
        return ledger.since(after, limit) ?? [];
      });
    },
    behind(theirs) {
      return theirs.flatMap(head => {
        const ours = ledgers.get(head.owner)?.head();
        const newer = head.owner !== self && (ours === undefined || compareHeads(head, ours) > 0);
        return newer ? [head.owner] : [];
      });
    },
    ofOwner: owner => [...(ledgers.get(owner)?.entries() ?? [])],
    owners: () => [...ledgers.keys()],
    snapshot: owner => ledgers.get(owner)?.since(0, Number.POSITIVE_INFINITY),
    restore(delta) {
      const ledger = ledgerOf(delta.head.owner);
      const { changes } = ledger.merge(delta);
      ledger.raiseFloor(delta.complete);
      clock = Math.max(clock, delta.head.stamp);
      mark(delta.head.owner);
      return changes;
    },
    ownSeq: () => ledgers.get(self)?.upto() ?? 0,
    rebase(seq) {
      const ledger = ledgerOf(self);
      const live = [...ledger.entries()].sort((a, b) => a.seq - b.seq);
      const written = issue(
        live.map(({ domain, key, value }) => ({ domain, key, value })),
        Math.max(seq, ledger.upto()) + 1,
      );
      // What was deleted in the lost numbers is unknown here: everyone needs the whole.
      ledger.raiseFloor(written.delta.complete);
      return { changes: written.changes, delta: ledger.since(0, Number.POSITIVE_INFINITY)! };
    },
    fingerprint: () => (fingerprint.high >>> 0) * 2 ** 24 + (fingerprint.low >>> 0),
  };
}

const number48 = (hash: Uint8Array): number => hash.subarray(0, 6).reduce((sum, byte) => sum * 256 + byte, 0);

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
