import type { PeerId, Vtep } from '../address.ts';
import type { Millis } from '../host/step.ts';
import { Liveness } from './liveness.ts';
import { SizeSearch } from './size.ts';

/** The direct way is taken again after so many good seconds; where it fails again and again, twice as many each time. */
const GOOD_SECONDS = 10;
const GOOD_SECONDS_MAX = 160;
/** A failure so soon after the last return counts; so many of them in a row may be somebody at work. */
const SOON_MS = 300_000;
const PATIENT_SWINGS = 2;
/** After so many relays that did not help, it is not them that are wrong: others are tried at leisure. */
const HASTY_TRIES = 3;
const LEISURE_MS = 30_000;

/** What did not help comes after all others for so long. */
const AGAIN_MS = 300_000;

/** Why frames go another way, for a person. */
export const DIRECT_SILENT = 'the direct way does not answer';

/** One way to a peer: its own address, or a port of a relay. */
export class Way {
  /** Tells the echoes of one from those of another. */
  readonly id: number;
  readonly liveness = new Liveness();
  readonly size: SizeSearch;

  constructor(id: number, full: number) {
    this.id = id;
    this.size = new SizeSearch(full);
  }
}

/** A peer that says it relays to another, and where; the other one itself where that takes frames by its router. */
export interface Relay {
  readonly peer: PeerId;
  readonly vtep: Vtep;
  /** Taken only where no other helps. */
  readonly isLast?: true;
}

/** Which way frames take to one peer: straight as long as that works, else by a relay. */
export class Route {
  readonly direct: Way;
  /** The way that is taken instead of the direct one. */
  relayed: { readonly relay: Relay; readonly way: Way } | undefined;
  /** Why it is not the best one, for a person; undefined where it is. */
  why: string | undefined;
  readonly #full: number;
  #ways = 1;
  #needed = GOOD_SECONDS;
  #swings = 0;
  #returnedAt = Number.NEGATIVE_INFINITY;
  /** When each relay was taken last. */
  readonly #tried = new Map<PeerId, Millis>();
  /** When each was left since it did not answer. */
  readonly #failed = new Map<PeerId, Millis>();
  #tries = 0;
  #switchedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(full: number) {
    this.#full = full;
    this.direct = new Way(0, full);
  }

  get chosen(): Way {
    return this.relayed?.way ?? this.direct;
  }

  /** Undefined for one that is not taken any more. */
  wayOf(id: number): Way | undefined {
    if (id === this.direct.id) return this.direct;
    return id === this.relayed?.way.id ? this.relayed.way : undefined;
  }

  /** Goes on with the relay that an earlier router had chosen; the direct way has to show that it works. */
  adopt(relay: Relay, now: Millis): void {
    this.direct.liveness.state = 'down';
    this.direct.liveness.good = 0;
    this.#take(relay, now);
    this.why = 'the direct way did not answer before this router started';
  }

  /** Looks at what is known now; gives whether another way is taken. `relays` gives those that could help, the best first. */
  review(now: Millis, relays: () => readonly Relay[]): boolean {
    const { direct, relayed } = this;
    if (direct.liveness.review(now) && relayed === undefined) this.#fell(now);
    const isDirectUp = direct.liveness.state === 'up';
    if (relayed === undefined) {
      if (isDirectUp) {
        this.why = undefined;
        return false;
      }
      return direct.liveness.state === 'down' && this.#takeAny(now, relays());
    }
    relayed.way.liveness.review(now);
    if (relayed.way.liveness.state === 'up') this.#tries = 0;
    const isRelayDown = relayed.way.liveness.state === 'down';
    if (isRelayDown) this.#failed.set(relayed.relay.peer, now);
    if (isDirectUp && (isRelayDown || direct.liveness.good >= this.#needed)) return this.#return(now);
    const offers = relays();
    // What is offered at another port, or does not answer yet, can't be relied on; what answers can, offered or not.
    const offer = offers.find(({ peer }) => peer === relayed.relay.peer);
    const isOffered = offer !== undefined && isSame(offer, relayed.relay);
    const isProven = offer === undefined && relayed.way.liveness.state === 'up';
    if ((isOffered || isProven) && !isRelayDown) return this.#improve(now, offers);
    return this.#takeAny(now, offers);
  }

  /** From the last way, to one that was not there before. */
  #improve(now: Millis, offers: readonly Relay[]): boolean {
    if (this.relayed?.relay.isLast !== true) return false;
    const better = offers.filter(relay => this.#rank(relay, now) === 0);
    return better.length > 0 && this.#takeAny(now, better);
  }

  /** The lower, the sooner it is taken. */
  #rank({ isLast, peer }: Relay, now: Millis): number {
    const hasFailed = now - (this.#failed.get(peer) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS;
    return hasFailed ? 2 : isLast ? 1 : 0;
  }

  #fell(now: Millis): void {
    this.#swings = now - this.#returnedAt < SOON_MS ? this.#swings + 1 : 0;
    const doubled = Math.max(0, this.#swings - PATIENT_SWINGS);
    this.#needed = Math.min(GOOD_SECONDS_MAX, GOOD_SECONDS * 2 ** doubled);
    this.why = DIRECT_SILENT;
  }

  #return(now: Millis): boolean {
    this.#returnedAt = now;
    this.#tries = 0;
    this.direct.size.mtu ??= this.relayed?.way.size.mtu;
    this.relayed = undefined;
    this.why = undefined;
    // Good for as long as it goes on.
    this.direct.liveness.good = Number.POSITIVE_INFINITY;
    return true;
  }

  /** Of the best, the one that was not tried for the longest time. */
  #takeAny(now: Millis, relays: readonly Relay[]): boolean {
    const { relayed } = this;
    const others = relays.filter(relay => relayed === undefined || !isSame(relay, relayed.relay));
    const when = ({ peer }: Relay): Millis => this.#tried.get(peer) ?? Number.NEGATIVE_INFINITY;
    const order = (a: Relay, b: Relay): number =>
      this.#rank(a, now) - this.#rank(b, now) || when(a) - when(b);
    const [next] = [...others].sort(order);
    const isStillThere = relayed !== undefined && relays.length > others.length;
    if (next === undefined) {
      this.why = relayed === undefined || isStillThere ? NO_OTHER : this.why;
      if (relayed === undefined || isStillThere) return false;
      this.relayed = undefined;
      this.why = NO_OTHER;
      return true;
    }
    if (this.#tries >= HASTY_TRIES && now - this.#switchedAt < LEISURE_MS) return false;
    this.#take(next, now);
    this.why = DIRECT_SILENT;
    return true;
  }

  #take(relay: Relay, now: Millis): void {
    this.#tried.set(relay.peer, now);
    this.#tries += 1;
    this.#switchedAt = now;
    const way = new Way(this.#ways, this.#full);
    this.#ways += 1;
    // Until it is measured, what the way before took.
    way.size.mtu = this.chosen.size.mtu;
    this.relayed = { relay, way };
  }
}

const NO_OTHER = `${DIRECT_SILENT}, and no relay reaches it`;

const isSame = (a: Relay, b: Relay): boolean =>
  a.peer === b.peer && a.vtep.address === b.vtep.address && a.vtep.port === b.vtep.port;
