import type { PeerId, Vtep } from '../address.ts';
import { type Forwarding, TUNNEL_OVERHEAD, VXLAN_OVERHEAD, vtepKey } from '../forwarding.ts';
import { CONTROL_NETWORK } from '../networks/network.ts';
import { helperOf, noteOf, type Path } from '../paths/path.ts';
import { type Relay, Route, type Way } from '../paths/route.ts';
import { ROUND_MS, SMALL } from '../paths/size.ts';
import type { HostFact } from '../topology/facts.ts';
import type { Context } from './context.ts';
import type { Neighbours } from './neighbours.ts';
import { relaysTo } from './relays.ts';
import type { Millis } from './step.ts';

/** A path that has not answered is asked often at first: the other end may still be programming its kernel. */
const FIRST_MS = 150;
/** What carries traffic is asked every second, and so often when a second brought no answer. */
const BUSY_MS = 1_000;
const DOUBT_MS = 125;
/** Where nothing flows, only whether the other host lives is of interest. */
const IDLE_MS = 30_000;
const TRAFFIC_MS = 60_000;
/** Full-sized echoes: often where large packets may flow, else so rarely that many hosts don't burden each other. */
const FULL_BUSY_MS = 29_000;
const FULL_IDLE_MS = 30_000;
const FULL_IDLE_MS_PER_PEER = 2_000;

interface Measured {
  readonly peer: PeerId;
  /** Its echo on the agenda: of these there are more than of anything else, so neither is made for each. */
  readonly probe: string;
  readonly ask: () => void;
  route: Route;
  vtep: Vtep | undefined;
  askedAt: Millis;
  trafficAt: Millis;
  sizedAt: Millis;
  /** Whether it was a path that others may be told of. */
  wasUp: boolean;
}

/** Measures the path to every peer, by echoes over the data path itself, and takes the best. */
export class Paths {
  /** The largest packet that could ever go through: the underlay's MTU less the encapsulation. */
  readonly full: number;
  readonly #context: Context;
  readonly #neighbours: Neighbours;
  readonly #changed: (rerouted?: PeerId) => void;
  readonly #paths = new Map<PeerId, Measured>();
  #known: readonly PeerId[] = [];
  /** The smallest MTU of all paths, or undefined where it has to be looked for again. */
  #lowest: number | undefined;
  /** The smallest that other hosts tell of theirs. */
  #told = Number.POSITIVE_INFINITY;

  /** `changed` is told of every new result, and of the peer for which frames go another way. */
  constructor(context: Context, neighbours: Neighbours, changed: (rerouted?: PeerId) => void) {
    const { encryption, mtu = Number.POSITIVE_INFINITY, underlayMtu } = context.config;
    const isAllInTunnels = encryption !== undefined && encryption.trusts.length === 0;
    this.full = Math.min(underlayMtu - VXLAN_OVERHEAD - (isAllInTunnels ? TUNNEL_OVERHEAD : 0), mtu);
    this.#context = context;
    this.#neighbours = neighbours;
    this.#changed = changed;
  }

  /** To be called whenever the topology has changed: new peers are measured, gone ones dropped. */
  refresh(): void {
    const { config, topology } = this.#context;
    const peers = topology.peers();
    this.#hear(peers);
    this.#reprotect();
    if (peers === this.#known) return;
    this.#known = peers;
    this.#lowest = undefined;
    for (const [peer, { probe }] of this.#paths) {
      if (topology.host(peer) !== undefined) continue;
      this.#paths.delete(peer);
      this.#context.agenda.cancel(probe);
      this.#context.agenda.cancel(`size ${peer}`);
    }
    for (const peer of peers) {
      if (peer === config.self || this.#paths.has(peer)) continue;
      const path = this.#fresh(peer);
      this.#paths.set(peer, path);
      this.#plan(path, 0);
    }
  }

  /** Goes on with what an earlier router had chosen, so that nothing stands still while it is found out again. */
  start(inherited: Forwarding | undefined): void {
    this.refresh();
    const control = inherited?.networks.find(({ vni }) => vni === CONTROL_NETWORK.vni);
    const vteps = new Map(control?.stations.map(({ address, vtep }) => [address, vtep]));
    for (const { peer, route } of this.#paths.values()) {
      const host = this.#context.topology.host(peer);
      const vtep = host && vteps.get(host.control);
      if (host === undefined || vtep === undefined || vtepKey(vtep) === vtepKey(host.vtep)) continue;
      if (this.#context.shield.of(peer)?.kind !== 'plain') continue;
      const offers = [...relaysTo(this.#context, peer), ...this.#sleeve(peer)];
      const relay = offers.find(offer => vtepKey(offer.vtep) === vtepKey(vtep));
      if (relay === undefined) continue;
      route.adopt(relay, this.#context.now());
      this.#changed(peer);
    }
  }

  /** Frames went there within the last minute. */
  traffic(to: readonly Vtep[]): void {
    const busy = new Set(to.map(vtepKey));
    const now = this.#context.now();
    for (const path of this.#paths.values()) {
      const vtep = path.route.relayed?.relay.vtep ?? path.vtep;
      if (vtep === undefined || !busy.has(vtepKey(vtep))) continue;
      const wasBusy = this.#isBusy(path);
      path.trafficAt = now;
      if (wasBusy) continue;
      this.#replan(path, 0);
      if (now - path.sizedAt > FULL_BUSY_MS) path.sizedAt = Number.NEGATIVE_INFINITY;
    }
  }

  /** Something else gives no sign of life of it: the path is looked at at once, unless that was just done. */
  urge(peer: PeerId): void {
    const path = this.#paths.get(peer);
    if (path !== undefined && this.#context.now() - path.askedAt >= BUSY_MS) this.#replan(path, 0);
  }

  /** The answer to a `probe`, or that there was none; gives whether the kernel there answers again after an outage. */
  measured(peer: PeerId, way: number, size: number, rttMs: number | undefined): boolean {
    const path = this.#paths.get(peer);
    const found = path?.route.wayOf(way);
    if (path === undefined || found === undefined) return false;
    const { liveness } = found;
    const now = this.#context.now();
    if (rttMs === undefined) {
      // Of large ones it may be the size that is lost.
      if (size > SMALL) return false;
      liveness.lost();
      if (liveness.state === 'up' && liveness.isDoubtful(now)) this.#replan(path, 0);
      return false;
    }
    const wasOut = liveness.isOut(now);
    const { mtu } = found.size;
    const wasUp = liveness.state === 'up';
    liveness.answered(now, rttMs);
    found.size.answered(size);
    if (found === path.route.chosen && !wasUp) this.#measureSize(path);
    this.#review(path);
    if (found.size.mtu !== mtu) this.#sizeChanged();
    return wasOut;
  }

  get(peer: PeerId): Path | undefined {
    const path = this.#paths.get(peer);
    if (path === undefined) return undefined;
    const { chosen, relayed, why } = path.route;
    const protection = this.#context.shield.of(peer);
    const { liveness, size } = chosen;
    const { loss, rttMs, state } = liveness;
    const mtu = state === 'up' && protection?.kind !== 'refused' ? size.mtu : undefined;
    return {
      ...{ mtu, rttMs, loss, alive: this.alive(peer), relay: helperOf(peer, relayed?.relay.peer) },
      isSleeve: protection?.kind === 'sleeve' || relayed?.relay.peer === peer,
      why: protection?.kind === 'refused' ? protection.why : (why ?? noteOf(protection)),
      protection: this.#context.shield.shown(protection),
    };
  }

  alive(peer: PeerId): boolean | undefined {
    const state = this.#paths.get(peer)?.route.chosen.liveness.state;
    return state === undefined || state === 'unknown' ? undefined : state === 'up';
  }

  /** Whether frames go straight to it, and arrive: then others may be helped to get there. */
  isStraight(peer: PeerId): boolean {
    const route = this.#paths.get(peer)?.route;
    if (this.#context.shield.of(peer)?.kind === 'sleeve') return false;
    return route?.relayed === undefined && route?.direct.liveness.state === 'up';
  }

  /** Where frames for it are sent instead of to its own address. */
  detour(peer: PeerId): Vtep | undefined {
    return this.#paths.get(peer)?.route.relayed?.relay.vtep;
  }

  /** The largest packet for containers: they share one network, so that what one can't take nobody sends. */
  mtu(): number {
    return Math.min(this.own(), this.#told);
  }

  /** The largest packet that all paths of this host take; of one that does not answer now, what it took last. */
  own(): number {
    if (this.#lowest === undefined) {
      this.#lowest = this.full;
      for (const { route } of this.#paths.values())
        this.#lowest = Math.min(this.#lowest, route.chosen.size.mtu ?? this.full);
    }
    return this.#lowest;
  }

  /** What is protected otherwise than it was is looked at at once. */
  #reprotect(): void {
    for (const path of this.#paths.values()) {
      const vtep = this.#context.shield.of(path.peer)?.vtep;
      if (path.vtep === undefined || (vtep && vtepKey(vtep) === vtepKey(path.vtep))) continue;
      this.#replan(path, 0);
    }
  }

  #hear(peers: readonly PeerId[]): void {
    const { config, topology } = this.#context;
    const before = this.mtu();
    this.#told = Number.POSITIVE_INFINITY;
    for (const peer of peers)
      if (peer !== config.self)
        this.#told = Math.min(this.#told, topology.host(peer)?.mtu ?? Number.POSITIVE_INFINITY);
    if (this.mtu() !== before) this.#changed();
  }

  /** The most that a packet to it could ever have. */
  #fullTo(peer: PeerId): number {
    const isTunnel = this.#context.shield.of(peer)?.kind === 'tunnel';
    const overhead = VXLAN_OVERHEAD + (isTunnel ? TUNNEL_OVERHEAD : 0);
    return Math.min(this.full, this.#context.config.underlayMtu - overhead);
  }

  #fresh(peer: PeerId): Measured {
    return {
      peer,
      probe: `probe ${peer}`,
      ask: () => this.#ask(peer),
      route: new Route(this.#fullTo(peer)),
      vtep: undefined,
      askedAt: Number.NEGATIVE_INFINITY,
      trafficAt: Number.NEGATIVE_INFINITY,
      sizedAt: Number.NEGATIVE_INFINITY,
      wasUp: false,
    };
  }

  #plan({ probe, ask }: Measured, delay: Millis): void {
    this.#context.agenda.plan(probe, this.#context.now() + delay, ask);
  }

  #replan(path: Measured, delay: Millis): void {
    this.#context.agenda.cancel(path.probe);
    this.#plan(path, delay);
  }

  #ask(peer: PeerId): void {
    const path = this.#paths.get(peer);
    const host = this.#context.topology.host(peer);
    if (path === undefined || host === undefined) return;
    const vtep = this.#context.shield.of(peer)?.vtep ?? host.vtep;
    if (path.vtep !== undefined && vtepKey(path.vtep) !== vtepKey(vtep)) this.#moved(path);
    path.vtep = vtep;
    this.#review(path);
    const now = this.#context.now();
    path.askedAt = now;
    this.#probe(path, path.route.chosen, host, SMALL);
    if (path.route.relayed !== undefined) this.#probe(path, path.route.direct, host, SMALL);
    if (path.route.chosen.liveness.state === 'up' && now - path.sizedAt >= this.#sizeEvery(path))
      this.#measureSize(path);
    this.#plan(path, this.#pause(path));
  }

  /** How long until it is asked again, unless something comes up. */
  #pause(path: Measured): Millis {
    const { chosen, relayed } = path.route;
    const { state } = chosen.liveness;
    if (state === 'unknown') return FIRST_MS;
    if (state === 'up' && chosen.liveness.isDoubtful(this.#context.now())) return DOUBT_MS;
    const isWatched =
      relayed !== undefined ||
      this.#isBusy(path) ||
      (state === 'down' && this.#neighbours.get(path.peer) !== undefined);
    return isWatched ? BUSY_MS : IDLE_MS;
  }

  #isBusy({ trafficAt }: Measured): boolean {
    return this.#context.now() - trafficAt < TRAFFIC_MS;
  }

  #sizeEvery(path: Measured): Millis {
    if (this.#isBusy(path)) return FULL_BUSY_MS;
    return Math.max(FULL_IDLE_MS, this.#paths.size * FULL_IDLE_MS_PER_PEER);
  }

  #probe({ peer, route }: Measured, way: Way, { control, vtep }: HostFact, size: number): void {
    way.liveness.sent(this.#context.now());
    // What the kernel sends by the chosen way goes by that; to look at the direct one beside it takes a detour.
    const via = way === route.chosen ? {} : { via: vtep };
    this.#context.emit({ kind: 'probe', peer, address: control, size, way: way.id, ...via });
  }

  #measureSize(path: Measured): void {
    path.sizedAt = this.#context.now();
    if (!path.route.chosen.size.isSearching)
      this.#sendRound(path, path.route.chosen, path.route.chosen.size.begin());
  }

  #sendRound(path: Measured, way: Way, sizes: readonly number[]): void {
    const host = this.#context.topology.host(path.peer);
    if (host === undefined || sizes.length === 0) return;
    for (const size of sizes)
      this.#context.emit({ kind: 'probe', peer: path.peer, address: host.control, size, way: way.id });
    this.#context.agenda.plan(`size ${path.peer}`, this.#context.now() + ROUND_MS, () =>
      this.#judge(path, way),
    );
  }

  #judge(path: Measured, way: Way): void {
    if (path.route.chosen !== way || way.liveness.state !== 'up') return way.size.stop();
    if (!way.size.isSearching) return;
    const { mtu } = way.size;
    const sizes = way.size.next();
    if (way.size.mtu !== mtu) this.#sizeChanged();
    this.#sendRound(path, way, sizes);
  }

  /** Lets the route decide, and tells what became of it. */
  #review(path: Measured): void {
    const { peer, route } = path;
    const isRerouted = route.review(this.#context.now(), () => this.#relays(peer));
    const isUp = route.chosen.liveness.state === 'up' && route.chosen.size.mtu !== undefined;
    if (isRerouted) {
      this.#lowest = undefined;
      const by = route.relayed?.relay.peer;
      const relay = helperOf(peer, by);
      const data = { peer, ...(relay && { relay }), why: route.why ?? 'it answers again' };
      const message =
        by === undefined ? 'frames go straight again' : `frames go by ${relay ? 'a relay' : 'the routers'}`;
      this.#context.emit({ kind: 'log', level: 'info', message, data });
      this.#changed(peer);
      path.sizedAt = Number.NEGATIVE_INFINITY;
      this.#replan(path, 0);
    } else if (isUp !== path.wasUp) this.#changed();
    path.wasUp = isUp;
  }

  /** Only those that are reached without help themselves, the nearest first; and the one that helps, until it is known not to be. */
  #relays(peer: PeerId): readonly Relay[] {
    if (this.#context.shield.of(peer)?.kind !== 'plain') return [];
    const current = this.#paths.get(peer)?.route.relayed?.relay.peer;
    const helps = (by: PeerId): boolean => {
      const route = this.#paths.get(by)?.route;
      return by === current && route?.relayed === undefined && route?.direct.liveness.state === 'unknown';
    };
    const rtt = ({ peer: by }: Relay): number => this.#paths.get(by)?.route.direct.liveness.rttMs ?? 0;
    const relays = relaysTo(this.#context, peer)
      .filter(({ peer: by }) => this.isStraight(by) || helps(by))
      .sort((a, b) => rtt(a) - rtt(b));
    return [...relays, ...this.#sleeve(peer)];
  }

  /** The way through both routers, if there is one. */
  #sleeve(peer: PeerId): readonly Relay[] {
    const sleeve = this.#context.shield.sleeveTo(peer);
    const host = this.#context.topology.host(peer);
    if (sleeve === undefined || host === undefined) return [];
    return [{ peer, vtep: { address: sleeve.address, port: host.vtep.port }, isLast: true }];
  }

  /** It has another address, or is protected otherwise: nothing that was measured of the way there counts. */
  #moved(path: Measured): void {
    path.route = new Route(this.#fullTo(path.peer));
    path.sizedAt = Number.NEGATIVE_INFINITY;
    this.#sizeChanged();
    this.#changed(path.peer);
  }

  #sizeChanged(): void {
    this.#lowest = undefined;
    this.#changed();
  }
}
