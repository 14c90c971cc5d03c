import { type PeerId, toNumber } from '../address.ts';
import { decodeEndpoint, ENDPOINTS } from '../endpoints/endpoint.ts';
import { type Custody, isSameDivision } from '../ipam/custody.ts';
import { totalOf } from '../ipam/range.ts';
import { encodeRemoval, REMOVALS } from '../removals/removal.ts';
import type { Entry } from '../replica.ts';
import type { Context } from './context.ts';
import type { Millis, Removed } from './step.ts';

/** What becomes of the space of peers that were removed, and what a peer does that was. */
export class Expulsion {
  readonly #context: Context;
  /** Addresses that containers of removed peers had, and since when they are free as far as anybody knows. */
  readonly #formerly = new Map<number, Millis>();
  #fenced = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** The operator's word that `peer` is gone; undefined where nothing is known of it. */
  remove(peer: PeerId): Removed | undefined {
    const { replica, write } = this.#context;
    if (replica.head(peer) === undefined) return undefined;
    const addresses = this.#spaceOf(peer);
    write([this.#word(peer)]);
    return { addresses, heir: this.heirOf(peer), waitsFor: this.awaited(peer) };
  }

  /** Removed peers whose space nobody has taken over yet. */
  unsettled(): readonly (Removed & { readonly peer: PeerId })[] {
    const { removals, ring } = this.#context;
    return removals
      .peers()
      .filter(peer => ring.inheritor(peer, removals.limit(peer) ?? 0) === undefined)
      .map(peer => ({
        peer,
        addresses: this.#spaceOf(peer),
        heir: this.heirOf(peer),
        waitsFor: this.awaited(peer),
      }))
      .filter(({ addresses }) => addresses > 0);
  }

  #spaceOf(peer: PeerId): number {
    const { ring } = this.#context;
    const division = ring.custody(peer)?.division;
    const held = division === undefined ? [] : ring.holdings(division).filter(({ owner }) => owner === peer);
    return totalOf(held);
  }

  /** Says of every removed peer what is known of it here; gives whether this host was removed itself, and has to leave its space. */
  review(): boolean {
    const { config, removals, replica, write } = this.#context;
    const unsaid = removals
      .peers()
      .filter(peer => peer !== config.self && !removals.witnesses(peer).has(config.self));
    write(unsaid.map(peer => this.#word(peer)));
    const limit = removals.limit(config.self) ?? 0;
    const isNew = limit > this.#fenced && replica.ofOwner(config.self).some(({ seq }) => seq <= limit);
    this.#fenced = Math.max(this.#fenced, limit);
    return isNew;
  }

  /** Notes the address of a removed peer's container, if that is what a fact is about which no longer counts. */
  note({ domain, key, value }: Entry): void {
    const endpoint = domain === ENDPOINTS && value !== undefined ? decodeEndpoint(key, value) : undefined;
    const address = endpoint && toNumber(endpoint.address);
    if (address !== undefined && !this.#formerly.has(address))
      this.#formerly.set(address, this.#context.now());
  }

  /** Somebody has the address now: what a removed peer's container had is past. */
  forget(address: number): void {
    this.#formerly.delete(address);
  }

  /** Since when a removed peer's container no longer counts as the holder of an address; undefined where none was. */
  formerlyHeld(address: number): Millis | undefined {
    return this.#formerly.get(address);
  }

  /** All of them. */
  formerly(): readonly number[] {
    return [...this.#formerly.keys()];
  }

  /** Those who have yet to say that `peer` is gone: until then one of them may know of a grant that nobody else does. */
  awaited(peer: PeerId): readonly PeerId[] {
    const { config, removals, topology } = this.#context;
    const witnesses = removals.witnesses(peer);
    return topology
      .peers()
      .filter(other => other !== config.self && other !== peer && !witnesses.has(other))
      .filter(other => removals.limit(other) === undefined);
  }

  /** Who gets the space of `peer`: the first of those that it named who is not removed as well; else the lowest of all. */
  heirOf(peer: PeerId): PeerId | undefined {
    const { removals, ring } = this.#context;
    const custody = ring.custody(peer);
    const isThere = (other: PeerId): boolean => removals.limit(other) === undefined;
    const named = custody?.heirs.find(isThere);
    return named ?? this.#others(peer, custody).find(isThere);
  }

  /** Removed peers whose space is this host's to take now. */
  estates(): readonly PeerId[] {
    const { config, removals, replica, ring } = this.#context;
    return removals.peers().filter(peer => {
      const isKnown = (replica.head(peer)?.upto ?? 0) >= (removals.limit(peer) ?? 0);
      const isTaken = ring.inheritor(peer, removals.limit(peer) ?? 0) !== undefined;
      return !isTaken && isKnown && this.awaited(peer).length === 0 && this.heirOf(peer) === config.self;
    });
  }

  #others(peer: PeerId, custody: Custody | undefined): readonly PeerId[] {
    const { ring } = this.#context;
    return ring.peers().filter(other => {
      const theirs = ring.custody(other);
      if (other === peer || theirs === undefined) return false;
      return custody === undefined || isSameDivision(theirs.division, custody.division);
    });
  }

  #word(peer: PeerId) {
    const upto = this.#context.replica.head(peer)?.upto ?? 0;
    return { domain: REMOVALS, key: peer, value: encodeRemoval({ peer, upto }) };
  }
}
