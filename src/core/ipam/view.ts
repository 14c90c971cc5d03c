import { compare, type PeerId } from '../address.ts';
import type { Change } from '../replica.ts';
import {
  CUSTODY_KEY,
  type Custody,
  type Division,
  decodeCustody,
  divisionKey,
  type Grant,
  IPAM,
} from './custody.ts';
import { type HeldRange, includes } from './range.ts';
import { decodeVote, VOTE_KEY, type Vote } from './vote.ts';
import { decodeWant, WANT_KEY, type Want } from './want.ts';

/** A range that somebody holds, or is about to take. */
export interface Holding extends HeldRange {
  readonly owner: PeerId;
}

/** A grant that its receiver has not taken yet. */
export interface Offer {
  readonly from: PeerId;
  readonly grant: Grant;
}

/** What all peers say of the addresses that they may give out. */
export interface RingView {
  /** Takes in one change; gives whether it was of this domain. */
  update(change: Change): boolean;
  custody(peer: PeerId): Custody | undefined;
  /** All that say something, in the order of their ids. */
  peers(): readonly PeerId[];
  votes(): ReadonlyMap<PeerId, Vote>;
  wants(): ReadonlyMap<PeerId, Want>;
  /** Everything that anybody with this division holds or was granted, by address. Where two claim one, both are there. */
  holdings(division: Division): readonly Holding[];
  /** What others have granted to `peer`, and its own fact doesn't show yet. */
  offersTo(peer: PeerId): readonly Offer[];
  /** The claims on one address that count: the most versed first. */
  holdersOf(division: Division, address: number): readonly Holding[];
  readonly version: number;
}

export function createRingView(): RingView {
  const custodies = new Map<PeerId, Custody>();
  const votes = new Map<PeerId, Vote>();
  const wants = new Map<PeerId, Want>();
  let version = 0;
  let sorted: { readonly key: string; readonly holdings: readonly Holding[] } | undefined;

  function update({ owner, domain, key, now }: Change): boolean {
    if (domain !== IPAM) return false;
    if (key === CUSTODY_KEY) set(custodies, owner, now?.value && decodeCustody(now.value));
    else if (key === VOTE_KEY) set(votes, owner, now?.value && decodeVote(now.value));
    else if (key === WANT_KEY) set(wants, owner, now?.value && decodeWant(now.value));
    sorted = undefined;
    version += 1;
    return true;
  }

  function holdings(division: Division): readonly Holding[] {
    const key = divisionKey(division);
    if (sorted?.key !== key) sorted = { key, holdings: holdingsOf(custodies, key) };
    return sorted.holdings;
  }

  return {
    update,
    custody: peer => custodies.get(peer),
    peers: () => [...custodies.keys()].sort(compare),
    votes: () => votes,
    wants: () => wants,
    holdings,
    offersTo: peer => offersTo(custodies, peer),
    holdersOf: (division, address) =>
      holdings(division)
        .filter(holding => includes(holding, address))
        .sort(precedence),
    get version() {
      return version;
    },
  };
}

function set<Value>(map: Map<PeerId, Value>, owner: PeerId, value: Value | undefined): void {
  if (value === undefined) map.delete(owner);
  else map.set(owner, value);
}

function isOpen(custodies: ReadonlyMap<PeerId, Custody>, from: PeerId, { to, number }: Grant): boolean {
  return number > (custodies.get(to)?.received.get(from) ?? 0);
}

function holdingsOf(custodies: ReadonlyMap<PeerId, Custody>, key: string): readonly Holding[] {
  const all: Holding[] = [];
  for (const [owner, { division, ranges, grants }] of custodies) {
    if (divisionKey(division) !== key) continue;
    for (const range of ranges) all.push({ ...range, owner });
    for (const grant of grants) {
      if (!isOpen(custodies, owner, grant)) continue;
      const { start, end, version, to } = grant;
      all.push({ start, end, version, owner: to });
    }
  }
  return all.sort((a, b) => a.start - b.start || precedence(a, b));
}

function offersTo(custodies: ReadonlyMap<PeerId, Custody>, peer: PeerId): readonly Offer[] {
  const offers: Offer[] = [];
  for (const [from, { grants }] of custodies) {
    for (const grant of grants) {
      if (grant.to === peer && isOpen(custodies, from, grant)) offers.push({ from, grant });
    }
  }
  return offers.sort((a, b) => compare(a.from, b.from) || a.grant.number - b.grant.number);
}

/** Of two that claim one address: who had it later, as the hands that it went through tell; then the lower peer. */
export const precedence = (a: Holding, b: Holding): number =>
  b.version - a.version || compare(a.owner, b.owner);
