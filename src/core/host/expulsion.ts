import { compare, formatCidr, type PeerId, toNumber } from '../address.ts';
import { decodeEndpoint, ENDPOINTS } from '../endpoints/endpoint.ts';
import { isSameDivision } from '../ipam/custody.ts';
import { totalOf } from '../range.ts';
import { encodeRemoval, REMOVALS } from '../removals/removal.ts';
import type { Entry } from '../replica.ts';
import type { Context } from './context.ts';
import type { Millis, Removed } from './step.ts';

/** What becomes of the space of peers that were removed, and what a peer does that was. */
export class Expulsion {
  readonly #context: Context;
  /** Addresses that containers of removed peers had, and since when they are free as far as anybody knows. */
  readonly #formerly = new Map<number, { readonly since: Millis; readonly word: string }>();
  #fenced = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** The operator's word that `peer` is gone; undefined where nothing is known of it. */
  remove(peer: PeerId): Removed | undefined {
    const { removals, replica, ring, saveOthers, write } = this.#context;
    if (replica.head(peer) === undefined) return undefined;
    const taker = ring.inheritor(peer, removals.limit(peer) ?? 0);
    // Somebody else has said it before, and that went fast; unless it has come back since.
    if (taker !== undefined && !this.#isBack(peer))
      return { addresses: totalOf(ring.custody(peer)?.ranges ?? []), heir: taker, waitsFor: [] };
    const addresses = this.#spaceOf(peer);
    // Whoever says that a peer is gone has to know after a restart whom it waits for.
    saveOthers();
    write([this.#word(peer)]);
    return { addresses, heir: this.heirOf(peer), waitsFor: this.awaited(peer) };
  }

  /** Whether something counts that it has said since it was removed. */
  #isBack(peer: PeerId): boolean {
    const { removals, replica } = this.#context;
    return replica.ofOwner(peer).some(entry => removals.counts(entry));
  }

  /** Removed peers whose space nobody has taken over yet. */
  unsettled(): readonly (Removed & { readonly peer: PeerId })[] {
    const { removals } = this.#context;
    return removals
      .peers()
      .filter(peer => !this.#isTaken(peer))
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
    const { config, removals, replica, saveOthers, write } = this.#context;
    const unsaid = removals
      .peers()
      .filter(peer => peer !== config.self && !removals.words(peer).has(config.self));
    if (unsaid.length > 0) saveOthers();
    write(unsaid.map(peer => this.#word(peer)));
    this.#nameHeirs();
    const limit = removals.limit(config.self) ?? 0;
    const isNew = limit > this.#fenced && replica.ofOwner(config.self).some(({ seq }) => seq <= limit);
    this.#fenced = Math.max(this.#fenced, limit);
    return isNew;
  }

  /** Who is to take over may be another by what was heard since; whoever has taken over stays it. */
  #nameHeirs(): void {
    const { config, removals, write } = this.#context;
    for (const peer of removals.peers()) {
      const said = removals.words(peer).get(config.self);
      if (said === undefined || this.#isTaken(peer) || said.heir === this.heirOf(peer)) continue;
      write([this.#word(peer, said.upto)]);
    }
  }

  /** Notes the address of a removed peer's container, if that is what a fact is about which no longer counts. */
  note({ domain, key, owner, seq, value }: Entry): void {
    const endpoint = domain === ENDPOINTS && value !== undefined ? decodeEndpoint(key, value) : undefined;
    const address = endpoint && toNumber(endpoint.address);
    const word = `${owner} ${seq}`;
    // One that had it again, and was removed again, had it later.
    if (address !== undefined && this.#formerly.get(address)?.word !== word)
      this.#formerly.set(address, { since: this.#context.now(), word });
  }

  /** What was stored tells nobody since when: it is as if it were heard now, when the router starts. */
  started(): void {
    const since = this.#context.now();
    for (const [address, { word }] of this.#formerly) this.#formerly.set(address, { since, word });
  }

  /** Somebody has the address now: what a removed peer's container had is past. */
  forget(address: number): void {
    this.#formerly.delete(address);
  }

  /** Since when a removed peer's container no longer counts as the holder of an address; undefined where none was. */
  formerlyHeld(address: number): Millis | undefined {
    return this.#formerly.get(address)?.since;
  }

  /** All of them. */
  formerly(): readonly number[] {
    return [...this.#formerly.keys()];
  }

  /**
   * Those who have yet to say that `peer` is gone, since one of them may know of a grant that nobody else does, and those who
   * think that another takes over. One that is silent for good has to be removed as well: then nobody waits for it.
   */
  awaited(peer: PeerId): readonly PeerId[] {
    const { config, removals, topology } = this.#context;
    const words = removals.words(peer);
    const heir = this.#isTaken(peer) ? undefined : this.heirOf(peer);
    return [...new Set([...topology.peers(), ...words.keys()])].filter(other => {
      if (other === config.self || other === peer || removals.limit(other) !== undefined) return false;
      const word = words.get(other);
      // An earlier version names nobody.
      return word === undefined || (heir !== undefined && (word.heir ?? heir) !== heir);
    });
  }

  /**
   * Who gets the space of `peer`: the first of those that it named who is not removed as well; else the lowest of all that
   * said it is gone and give out the same addresses. Both are what everybody sees who has heard everybody; a latecomer may be
   * lower, so each says whom it thinks of, and takes nothing before all others think of it.
   */
  heirOf(peer: PeerId): PeerId | undefined {
    const { config, removals, ring } = this.#context;
    const isThere = (other: PeerId): boolean => removals.limit(other) === undefined;
    const named = ring.custody(peer)?.heirs.find(isThere);
    if (named !== undefined) return named;
    const division = ring.custody(peer)?.division;
    const universe = division === undefined ? this.#universe : formatCidr(division.universe);
    const isAble = (other: PeerId): boolean => {
      const theirs = ring.custody(other)?.division;
      return division === undefined || theirs === undefined || isSameDivision(theirs, division);
    };
    const able = [...removals.words(peer)].filter(([, word]) => word.universe === universe);
    const all = able.map(([other]) => other);
    // Whoever is asked will say so itself, if it has not yet.
    if (universe !== undefined && this.#universe === universe && !all.includes(config.self))
      all.push(config.self);
    return all.filter(other => other !== peer && isThere(other) && isAble(other)).sort(compare)[0];
  }

  /** Removed peers whose space is this host's to take now. */
  estates(): readonly PeerId[] {
    const { config, removals } = this.#context;
    const gone = removals.peers();
    const mine = gone.filter(peer => !this.#isTaken(peer) && this.heirOf(peer) === config.self);
    // What one that is gone gave to another, or took over from it, has to be known as well.
    return mine.length > 0 && gone.every(peer => this.#isSettled(peer)) ? mine : [];
  }

  #isTaken(peer: PeerId): boolean {
    const { removals, ring } = this.#context;
    return ring.inheritor(peer, removals.limit(peer) ?? 0) !== undefined;
  }

  /** Everybody has said that `peer` is gone and who takes over, and all that they knew of it, or had given to it, is known here. */
  #isSettled(peer: PeerId): boolean {
    const { config, removals, replica } = this.#context;
    const isKnown = (other: PeerId, seq: number): boolean =>
      other === config.self || (replica.head(other)?.upto ?? 0) >= seq;
    if (!isKnown(peer, removals.limit(peer) ?? 0) || this.awaited(peer).length > 0) return false;
    return [...removals.words(peer)].every(
      ([other, { seq }]) => removals.limit(other) !== undefined || isKnown(other, seq),
    );
  }

  get #universe(): string | undefined {
    const { ipam } = this.#context.config;
    return ipam && formatCidr(ipam.universe);
  }

  #word(peer: PeerId, upto = this.#context.replica.head(peer)?.upto ?? 0) {
    const value = encodeRemoval({ peer, upto, universe: this.#universe, heir: this.heirOf(peer) });
    return { domain: REMOVALS, key: peer, value };
  }
}
