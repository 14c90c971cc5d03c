import type { PeerId } from '../../src/core/address.ts';
import type { Problem } from '../../src/core/errors.ts';
import type { Effect, Millis } from '../../src/core/host/step.ts';
import { contentKey } from './fake-crypto.ts';
import type { SimulatedMachine } from './machine.ts';
import { isAmong } from './places.ts';
import { MESSAGE, type Simulation } from './simulation.ts';

/** A router hands gossip on to so many neighbours at most, as gossipsub's graph has it. */
const GOSSIP_DEGREE = 8;
/** How long gossipsub knows a message again. */
const SEEN_MS = 120_000;
const DIAL_TIMEOUT_MS = 5_000;
const ECHO_TIMEOUT_MS = 1_000;

/** A connection of two routers. One side may think it is up when the other doesn't: nobody told it. */
export interface Link {
  readonly ends: readonly [SimulatedMachine, SimulatedMachine];
  readonly up: [boolean, boolean];
  clogUntil: Millis;
  /** When the newest message to each end arrives. */
  readonly last: [Millis, Millis];
}

interface Gossip {
  readonly bytes: Uint8Array;
  readonly at: Millis;
  /** Per machine: the start of its router that has had this. */
  readonly seen: Int32Array;
}

export interface Packet {
  readonly link: Link;
  readonly bytes: Uint8Array;
  readonly gossip: Gossip | undefined;
}

const sideOf = (link: Link, machine: SimulatedMachine): 0 | 1 => (link.ends[0] === machine ? 0 : 1);
const other = (link: Link, machine: SimulatedMachine): SimulatedMachine =>
  link.ends[0] === machine ? link.ends[1] : link.ends[0];

/**
 * The underlay and the routers' connections. Streams keep their order unless a fault says otherwise. Gossip is a model
 * of gossipsub, not gossipsub: flooded along the connections (to at most eight at each hop), deduplicated by content;
 * no grafting, no scores, and no repair by IHAVE, so more is lost than in truth.
 */
export class Network {
  readonly #simulation: Simulation;
  readonly #capacity: number;
  /** By `from * capacity + to`: how many faults cut that direction. */
  readonly #cuts: Uint8Array;
  readonly #recent = new Map<number, Gossip>();
  /** Loss is switched off when the mesh is healed. */
  lossy = true;
  /** The share of messages that is lost. */
  loss: number;
  /** Copies that travelled, and their bytes. */
  copies = 0;
  bytes = 0;

  constructor(simulation: Simulation, capacity: number) {
    this.#simulation = simulation;
    this.#capacity = capacity;
    this.loss = simulation.settings.loss;
    this.#cuts = new Uint8Array(capacity * capacity);
  }

  isOpen(from: SimulatedMachine, to: SimulatedMachine): boolean {
    return this.#cuts[from.index * this.#capacity + to.index] === 0;
  }

  cut(from: SimulatedMachine, to: SimulatedMachine): void {
    const index = from.index * this.#capacity + to.index;
    this.#cuts[index] = this.#cuts[index]! + 1;
  }

  mend(from: SimulatedMachine, to: SimulatedMachine): void {
    const index = from.index * this.#capacity + to.index;
    this.#cuts[index] = Math.max(0, this.#cuts[index]! - 1);
  }

  mendAll(): void {
    this.#cuts.fill(0);
  }

  send(from: SimulatedMachine, peer: PeerId, bytes: Uint8Array): void {
    const link = from.links.get(peer);
    if (link !== undefined) this.#post(link, from, bytes, undefined);
  }

  broadcast(from: SimulatedMachine, bytes: Uint8Array): void {
    const key = contentKey(bytes);
    const { now } = this.#simulation;
    const known = this.#recent.get(key);
    const gossip = known ?? { bytes, at: now, seen: new Int32Array(this.#capacity) };
    if (known === undefined) this.#remember(key, gossip);
    if (gossip.seen[from.index] === from.epoch) return;
    gossip.seen[from.index] = from.epoch;
    for (const link of from.links.values()) this.#post(link, from, gossip.bytes, gossip);
  }

  /** A packet has come to `to`. */
  arrive(to: SimulatedMachine, from: SimulatedMachine, { link, bytes, gossip }: Packet): void {
    if (!link.up[sideOf(link, to)] || to.host === undefined) return;
    if (gossip !== undefined) {
      if (gossip.seen[to.index] === to.epoch) return;
      gossip.seen[to.index] = to.epoch;
    }
    this.#simulation.watch?.arriving(to, from, bytes);
    const isHandedOn = to.deliver({ kind: 'message', from: from.peer, bytes });
    if (gossip !== undefined && isHandedOn && to.host !== undefined) this.#handOn(to, from, gossip);
  }

  dial(from: SimulatedMachine, address: string): void {
    const to = this.#simulation.at(address);
    const { epoch } = from;
    const delay = this.#delay() + this.#delay();
    const fail = (code: 'peer-timeout' | 'peer-refused' | 'peer-is-self', after: Millis): void => {
      const problem: Problem = { code, peer: address };
      this.#simulation.later(from, after, { kind: 'dial-failed', address, problem });
    };
    if (to === undefined) return fail('peer-timeout', DIAL_TIMEOUT_MS);
    if (to.peer === from.peer) return fail('peer-is-self', delay);
    const isReached = to.powered && !to.paused && this.isOpen(from, to) && this.isOpen(to, from);
    if (!isReached) return fail('peer-timeout', DIAL_TIMEOUT_MS);
    this.#simulation.after(delay, () => {
      if (from.epoch !== epoch || from.host === undefined) return;
      if (to.host === undefined) return fail('peer-refused', 0);
      this.#connect(from, to, address);
    });
  }

  #connect(from: SimulatedMachine, to: SimulatedMachine, address: string): void {
    if (from.links.has(to.peer)) return;
    const old = to.links.get(from.peer);
    if (old !== undefined) this.#down(old, to, 'replaced by a new connection');
    const { now } = this.#simulation;
    const link: Link = { ends: [from, to], up: [true, true], clogUntil: 0, last: [now, now] };
    from.links.set(to.peer, link);
    to.links.set(from.peer, link);
    from.deliver({ kind: 'peer-up', peer: to.peer, address, outbound: true });
    const theirs = `${from.address.split(':')[0]}:${40_000 + from.epoch}`;
    to.deliver({ kind: 'peer-up', peer: from.peer, address: theirs, outbound: false });
  }

  hangUp(from: SimulatedMachine, peer: PeerId, reason: string): void {
    const link = from.links.get(peer);
    if (link === undefined) return;
    const to = other(link, from);
    this.#detach(link, from);
    this.#simulation.later(from, 1, { kind: 'peer-down', peer, reason });
    this.#tellEnd(link, from, to, reason);
  }

  /** The router of `machine` is gone; where `silently`, nobody hears of it before they ask. */
  leave(machine: SimulatedMachine, silently: boolean): void {
    for (const link of [...machine.links.values()]) {
      const peer = other(link, machine);
      this.#detach(link, machine);
      if (!silently) this.#tellEnd(link, machine, peer, 'closed by the other end');
      else if (link.up[sideOf(link, peer)]) this.#simulation.saw('half-open connection');
    }
  }

  probe(from: SimulatedMachine, { peer, address, size, way }: Extract<Effect, { kind: 'probe' }>): void {
    const to = this.#simulation.byPeer(peer);
    const isAlive =
      to?.powered === true &&
      this.isOpen(from, to) &&
      this.isOpen(to, from) &&
      !this.#isLost() &&
      from.kernel.networks.some(({ stations }) => isAmong(stations, address));
    const rttMs = isAlive ? this.#delay() + this.#delay() : undefined;
    this.#simulation.later(from, rttMs ?? ECHO_TIMEOUT_MS, { kind: 'path-measured', peer, way, size, rttMs });
  }

  #handOn(machine: SimulatedMachine, from: SimulatedMachine, gossip: Gossip): void {
    const { size } = machine.links;
    // Of many neighbours, some: another run of them for every message.
    let skip = size > GOSSIP_DEGREE ? Math.floor(this.#simulation.random.network.fraction() * size) : 0;
    let left = Math.min(size, GOSSIP_DEGREE);
    for (let round = 0; round < 2 && left > 0; round++) {
      for (const link of machine.links.values()) {
        if (skip > 0) skip -= 1;
        else if (left > 0) {
          left -= 1;
          const to = other(link, machine);
          if (to !== from && gossip.seen[to.index] !== to.epoch)
            this.#post(link, machine, gossip.bytes, gossip);
        }
      }
    }
  }

  #post(link: Link, from: SimulatedMachine, bytes: Uint8Array, gossip: Gossip | undefined): void {
    const to = other(link, from);
    const side = sideOf(link, to);
    const simulation = this.#simulation;
    this.copies += 1;
    this.bytes += bytes.length;
    if (!this.isOpen(from, to) || this.#isLost()) return simulation.saw('message lost');
    if (!link.up[side]) return this.#reset(link, from, to);
    const { settings, now } = simulation;
    let arrival = now + this.#delay();
    if (link.clogUntil > now) arrival = link.clogUntil + this.#delay();
    const isLoose = settings.faults.has('reorder') && simulation.random.network.fraction() < 0.1;
    if (isLoose && arrival < link.last[side]) simulation.saw('message overtaken');
    if (!isLoose) {
      arrival = Math.max(arrival, link.last[side]);
      link.last[side] = arrival;
    }
    const sent = from.later ? simulation.laterForm(bytes) : bytes;
    const packet: Packet = { link, bytes: sent, gossip };
    simulation.wheel.schedule(arrival - now, MESSAGE, to.index, from.index, packet);
    if (this.lossy && settings.repeat > 0 && simulation.random.network.fraction() < settings.repeat) {
      simulation.saw('message repeated');
      const again = gossip === undefined ? packet : { ...packet, gossip: undefined };
      simulation.wheel.schedule(arrival - now + this.#delay(), MESSAGE, to.index, from.index, again);
    }
  }

  /** The other end knows nothing of this connection: its kernel says so. */
  #reset(link: Link, from: SimulatedMachine, to: SimulatedMachine): void {
    if (!to.powered || !this.isOpen(to, from)) return;
    this.#simulation.after(this.#delay(), () => this.#down(link, from, 'reset by the other end'));
  }

  #tellEnd(link: Link, from: SimulatedMachine, to: SimulatedMachine, reason: string): void {
    if (!this.isOpen(from, to)) return;
    this.#simulation.after(this.#delay(), () => this.#down(link, to, reason));
  }

  #down(link: Link, machine: SimulatedMachine, reason: string): void {
    if (!link.up[sideOf(link, machine)]) return;
    this.#detach(link, machine);
    machine.deliver({ kind: 'peer-down', peer: other(link, machine).peer, reason });
  }

  #detach(link: Link, machine: SimulatedMachine): void {
    link.up[sideOf(link, machine)] = false;
    const { peer } = other(link, machine);
    if (machine.links.get(peer) === link) machine.links.delete(peer);
  }

  #remember(key: number, gossip: Gossip): void {
    this.#recent.set(key, gossip);
    for (const [oldest, { at }] of this.#recent) {
      if (gossip.at - at < SEEN_MS) break;
      this.#recent.delete(oldest);
    }
  }

  #isLost(): boolean {
    return this.lossy && this.loss > 0 && this.#simulation.random.network.fraction() < this.loss;
  }

  #delay(): Millis {
    const { delayMs, jitterMs, spreadMs } = this.#simulation.settings;
    const { network } = this.#simulation.random;
    const spread = spreadMs === 0 ? 0 : spreadMs * network.fraction();
    const jitter = jitterMs === 0 ? 0 : -jitterMs * Math.log(1 - network.fraction());
    return delayMs + spread + jitter;
  }
}
