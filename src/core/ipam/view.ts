import { compare, type PeerId } from '../address.ts';
import type { HeldRange } from '../range.ts';
import type { Change } from '../replica.ts';
import {
  CUSTODY_KEY,
  type Custody,
  type Division,
  decodeCustody,
  divisionKey,
  type Grant,
  IPAM,
  isSameDivision,
} from './custody.ts';
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
  /** Whether a grant of `from` was taken neither by its receiver nor by who came after that. */
  isOpen(from: PeerId, grant: Grant): boolean;
  /** What others have granted to `peer`, and its own fact doesn't show yet. */
  offersTo(peer: PeerId): readonly Offer[];
  /** Who took over the space of a removed peer, as it was when its facts had come to `upto`. */
  inheritor(peer: PeerId, upto: number): PeerId | undefined;
}

/** What a peer says, and which of its facts that is. */
interface Word {
  readonly custody: Custody;
  readonly seq: number;
}

interface Estate {
  readonly by: PeerId;
  /** Up to this fact of the peer that is gone. */
  readonly upto: number;
}

export function createRingView(): RingView {
  return new View();
}

/** In a mesh that works there is one. */
const DIVISIONS_MAX = 16;

class View implements RingView {
  readonly #words = new Map<PeerId, Word>();
  readonly #votes = new Map<PeerId, Vote>();
  readonly #wants = new Map<PeerId, Want>();
  #estates: ReadonlyMap<PeerId, Estate> | undefined;
  /** One object for each, by key: most peers have the same, and are compared often. */
  readonly #divisions = new Map<string, Division>();
  #peers: readonly PeerId[] | undefined;
  #sorted: { readonly division: Division; readonly holdings: readonly Holding[] } | undefined;

  update({ owner, domain, key, now }: Change): boolean {
    if (domain !== IPAM) return false;
    const value = now?.value;
    if (key === CUSTODY_KEY) {
      const custody = this.#interned(value && decodeCustody(value));
      if ((custody !== undefined) !== this.#words.has(owner)) this.#peers = undefined;
      set(this.#words, owner, custody && { custody, seq: now?.seq ?? 0 });
      this.#estates = undefined;
      this.#sorted = undefined;
    } else if (key === VOTE_KEY) set(this.#votes, owner, value && decodeVote(value));
    else if (key === WANT_KEY) set(this.#wants, owner, value && decodeWant(value));
    return true;
  }

  custody(peer: PeerId): Custody | undefined {
    return this.#words.get(peer)?.custody;
  }

  peers(): readonly PeerId[] {
    this.#peers ??= [...this.#words.keys()].sort(compare);
    return this.#peers;
  }

  votes(): ReadonlyMap<PeerId, Vote> {
    return this.#votes;
  }

  wants(): ReadonlyMap<PeerId, Want> {
    return this.#wants;
  }

  inheritor(peer: PeerId, upto: number): PeerId | undefined {
    const estate = this.#inherited().get(peer);
    return estate !== undefined && estate.upto >= upto ? estate.by : undefined;
  }

  isOpen(from: PeerId, { to, number }: Grant): boolean {
    const receiver = this.#words.get(to);
    if (number <= (receiver?.custody.received.get(from) ?? 0)) return false;
    return this.inheritor(to, receiver?.seq ?? 0) === undefined;
  }

  holdings(division: Division): readonly Holding[] {
    if (this.#sorted === undefined || !isSameDivision(this.#sorted.division, division))
      this.#sorted = { division, holdings: this.#collect(division) };
    return this.#sorted.holdings;
  }

  offersTo(peer: PeerId): readonly Offer[] {
    const offers: Offer[] = [];
    for (const [from, { custody }] of this.#words) {
      for (const grant of custody.grants) {
        if (grant.to === peer && this.isOpen(from, grant)) offers.push({ from, grant });
      }
    }
    return offers.sort((a, b) => compare(a.from, b.from) || a.grant.number - b.grant.number);
  }

  #inherited(): ReadonlyMap<PeerId, Estate> {
    if (this.#estates !== undefined) return this.#estates;
    const estates = new Map<PeerId, Estate>();
    for (const [by, { custody }] of this.#words) {
      for (const [peer, upto] of custody.inherited) {
        if (upto > (estates.get(peer)?.upto ?? -1)) estates.set(peer, { by, upto });
      }
    }
    this.#estates = estates;
    return estates;
  }

  #interned(custody: Custody | undefined): Custody | undefined {
    if (custody === undefined) return undefined;
    const key = divisionKey(custody.division);
    const known = this.#divisions.get(key);
    if (known !== undefined) return { ...custody, division: known };
    if (this.#divisions.size >= DIVISIONS_MAX) this.#divisions.clear();
    this.#divisions.set(key, custody.division);
    return custody;
  }

  #collect(wanted: Division): readonly Holding[] {
    const all: Holding[] = [];
    for (const [owner, { custody, seq }] of this.#words) {
      const { division, ranges, grants } = custody;
      if (!isSameDivision(division, wanted)) continue;
      if (this.inheritor(owner, seq) === undefined) for (const range of ranges) all.push({ ...range, owner });
      for (const grant of grants) {
        const { start, end, version, to } = grant;
        if (this.isOpen(owner, grant)) all.push({ start, end, version, owner: to });
      }
    }
    return all.sort((a, b) => a.start - b.start || precedence(a, b));
  }
}

function set<Value>(map: Map<PeerId, Value>, owner: PeerId, value: Value | undefined): void {
  if (value === undefined) map.delete(owner);
  else map.set(owner, value);
}

/** Of two that claim one address: who had it later, as the hands that it went through tell; then the lower peer. */
export const precedence = (a: Holding, b: Holding): number =>
  b.version - a.version || compare(a.owner, b.owner);
