import { compare, type Ipv4, type Mac, macOfAddress, type PeerId, type Vtep } from '../address.ts';
import { ENDPOINTS, type Endpoint } from '../endpoints/endpoint.ts';
import type { EndpointsView } from '../endpoints/view.ts';
import {
  type Forwarding,
  type NetworkForwarding,
  type Relay,
  type Sleeve,
  type Station,
  type Tunnel,
  vtepKey,
} from '../forwarding.ts';
import { NETWORK_REMOVALS, NETWORKS } from '../networks/fact.ts';
import {
  CONTROL_NETWORK,
  DEFAULT_NETWORK,
  isServiceAddress,
  mtuOn,
  type Network,
  serviceOf,
} from '../networks/network.ts';
import type { NetworksView } from '../networks/view.ts';
import type { Protection } from '../paths/protection.ts';
import type { Change } from '../replica.ts';
import { Sorted } from '../sorted.ts';
import { HOST_KEY, TOPOLOGY } from '../topology/facts.ts';
import type { TopologyView } from '../topology/view.ts';
import { Counted } from './counted.ts';

export interface Views {
  readonly self: PeerId;
  readonly topology: TopologyView;
  readonly networks: NetworksView;
  readonly endpoints: EndpointsView;
  /** Where frames for a peer are sent instead of to its own address; undefined where they go straight. */
  detour(peer: PeerId): Vtep | undefined;
  /** How what goes straight to a peer is protected. */
  readonly shield: {
    /** Undefined while nothing is known of it. */
    of(peer: PeerId): Protection | undefined;
    /** The way through both routers. */
    sleeveTo(peer: PeerId): Sleeve | undefined;
    readonly hasSleeve: boolean;
    /** Something where this host encrypts. */
    readonly own: object | undefined;
    /** Whether the data port takes what is encrypted. */
    readonly isOnDataPort: boolean;
  };
}

/** What of one network is behind other hosts. */
interface Members {
  readonly stations: Sorted<Ipv4, Station>;
  readonly flood: Counted<string, Vtep>;
  /** What `given` was made of. */
  network: Network | undefined;
  /** What was given last. */
  given: NetworkForwarding | undefined;
}

/** One address that another host holds; without a station while nobody knows where that host is. */
interface Placed {
  readonly owner: PeerId;
  readonly network: string;
  readonly station: Station | undefined;
}

interface Located {
  /** From where it sends to the data port. */
  readonly own: Ipv4 | undefined;
  /** Where frames for it are sent; nowhere while they can't be protected as they have to be. */
  readonly vtep: Vtep | undefined;
  /** Where those of encrypted networks are. */
  readonly sealed: Vtep | undefined;
  readonly control: Ipv4;
  readonly tunnel: Tunnel | undefined;
  readonly sleeve: Sleeve | undefined;
}

/**
 * What the kernel should hold, from the facts alone. A change costs what it changes: among ten thousand stations, one
 * is put in its place, and all others stay the very same objects.
 */
export class ForwardingView {
  readonly #views: Views;
  readonly #hosts = new Map<PeerId, Located>();
  readonly #peers = new Counted<Ipv4, Ipv4>();
  readonly #control: Members = noMembers();
  readonly #members = new Map<string, Members>();
  readonly #placed = new Map<string, Placed>();
  /** The keys of the addresses that each other host holds. */
  readonly #keys = new Map<PeerId, Set<string>>();
  #given: Forwarding | undefined;
  /** Undefined where they have to be looked for again. */
  #tunnels: readonly Tunnel[] | undefined;
  #sleeves: readonly Sleeve[] | undefined;

  constructor(views: Views) {
    this.#views = views;
  }

  /** Takes in a change that the other views have taken in; gives whether the kernel may have to hold something else now. */
  update({ owner, domain, key }: Change): boolean {
    if (domain === ENDPOINTS) return this.#place(key);
    if (domain === TOPOLOGY && key === HOST_KEY) return this.#locate(owner);
    if (domain !== NETWORKS && domain !== NETWORK_REMOVALS) return false;
    // What a network answers for itself may be another address now.
    for (const [placed, { network }] of [...this.#placed])
      if (network !== DEFAULT_NETWORK.name) this.#place(placed);
    return true;
  }

  /**
   * All of it. `mtu` is the largest packet that every path of this host takes; `controlMtu` the one to be tried in
   * measuring them.
   */
  current(mtu: number, controlMtu: number, relays: readonly Relay[]): Forwarding {
    const peers = this.#peers.values();
    const own = this.#views.topology.host(this.#views.self)?.control;
    const networks = [
      give(this.#control, CONTROL_NETWORK, controlMtu, own),
      ...this.#views.networks
        .all()
        .map(network => give(this.#membersOf(network.name), network, mtuOn(network, mtu), undefined)),
    ];
    const before = this.#given;
    const tunnels = this.#views.shield.own !== undefined ? this.#allTunnels() : undefined;
    const sleeves = this.#views.shield.hasSleeve ? this.#allSleeves() : undefined;
    const isSame =
      before?.peers === peers &&
      before.sleeves === sleeves &&
      before.relays === relays &&
      before.tunnels === tunnels &&
      before.networks.length === networks.length &&
      networks.every((network, index) => network === before.networks[index]);
    if (before !== undefined && isSame) return before;
    this.#given = { peers, networks, relays, ...(tunnels && { tunnels }), ...(sleeves && { sleeves }) };
    return this.#given;
  }

  /** Frames for a peer go another way from now on. */
  reroute(peer: PeerId): boolean {
    return this.#locate(peer);
  }

  /** What decides how each peer is reached has changed. */
  rerouteAll(): void {
    for (const peer of [...this.#hosts.keys()]) this.#locate(peer);
  }

  /** Looks at who holds an address now. */
  #place(key: string): boolean {
    const before = this.#placed.get(key);
    const holder = this.#views.endpoints.at(key);
    if (holder === undefined || holder.owner === this.#views.self) {
      if (before !== undefined) this.#remove(key, before);
      return before?.station !== undefined;
    }
    const { owner, endpoint } = holder;
    const { address, mac, network } = endpoint;
    const host = this.#isOfService(endpoint) ? undefined : this.#hosts.get(owner);
    const vtep = this.#views.networks.get(network)?.encrypted ? host?.sealed : host?.vtep;
    const isSame = before?.owner === owner && before.station?.vtep === vtep;
    if (isSame && (vtep === undefined || before.station?.mac === mac)) return false;
    if (before !== undefined) this.#remove(key, before);
    const station = vtep && { address, mac, vtep };
    this.#add(key, { owner, network, station });
    return station !== undefined || before?.station !== undefined;
  }

  /** What every host answers for itself is behind no other, whoever says so. */
  #isOfService({ network: name, address, mac }: Endpoint): boolean {
    const network = this.#views.networks.get(name);
    return network !== undefined && (isServiceAddress(network, address) || serviceOf(network)?.mac === mac);
  }

  /** Looks at where a host is now, and moves what it holds there. */
  #locate(owner: PeerId): boolean {
    const before = this.#hosts.get(owner);
    const host = this.#views.topology.host(owner);
    // One that says again where it is keeps its VTEP, and with it all its stations.
    const protection = this.#views.shield.of(owner);
    const now = host && (this.#views.detour(owner) ?? protection?.vtep);
    const vtep = keep(before?.vtep, now);
    const tunnel = owner === this.#views.self ? undefined : tunnelTo(protection);
    const sleeve = owner === this.#views.self ? undefined : this.#views.shield.sleeveTo(owner);
    const sealed = keep(before?.sealed, host && sealedVtep(host.vtep, protection, sleeve));
    if (host === undefined) this.#hosts.delete(owner);
    const own = host && this.#isHeard(protection) ? host.vtep.address : undefined;
    if (host !== undefined)
      this.#hosts.set(owner, { own, vtep, sealed, control: host.control, tunnel, sleeve });
    const isRekeyed = !isSameTunnel(before?.tunnel, tunnel) || !isSameSleeve(before?.sleeve, sleeve);
    if (isRekeyed) {
      this.#tunnels = undefined;
      this.#sleeves = undefined;
    }
    let isChanged = isRekeyed || (owner === this.#views.self && before?.control !== host?.control);
    for (const address of new Set([before?.control, host?.control])) {
      if (address !== undefined && this.#placeControl(address)) isChanged = true;
    }
    if (owner === this.#views.self) return isChanged;
    if (own !== before?.own) {
      if (before?.own !== undefined) this.#peers.remove(before.own);
      if (own !== undefined) this.#peers.add(own, own);
      isChanged = true;
    }
    if (before?.vtep === vtep && before?.sealed === sealed) return isChanged;
    for (const key of [...(this.#keys.get(owner) ?? [])]) this.#place(key);
    return true;
  }

  /** What comes to the data port from others is none of theirs. */
  #isHeard(protection: Protection | undefined): boolean {
    if (protection === undefined || protection.vtep === undefined || protection.kind === 'sleeve')
      return false;
    return protection.kind === 'plain' || this.#views.shield.isOnDataPort;
  }

  #allTunnels(): readonly Tunnel[] {
    const { topology } = this.#views;
    // Of two that chose one address, the earlier has it.
    this.#tunnels ??= [...this.#hosts]
      .flatMap(([peer, { control, tunnel }]) => (topology.controlling(control) === peer && tunnel) || [])
      .sort((a, b) => compare(a.address, b.address));
    return this.#tunnels;
  }

  #allSleeves(): readonly Sleeve[] {
    const { topology } = this.#views;
    this.#sleeves ??= [...this.#hosts]
      .flatMap(([peer, { control, sleeve }]) => (topology.controlling(control) === peer && sleeve) || [])
      .sort((a, b) => compare(a.address, b.address));
    return this.#sleeves;
  }

  /** Each host has an address in the control network; where two chose one, the earlier has it. */
  #placeControl(address: Ipv4): boolean {
    const { self, topology } = this.#views;
    const { stations } = this.#control;
    const peer = topology.controlling(address);
    const vtep = peer === undefined || peer === self ? undefined : this.#hosts.get(peer)?.vtep;
    if (stations.get(address)?.vtep === vtep) return false;
    if (vtep === undefined) stations.delete(address);
    else stations.set(address, { address, mac: controlMac(address), vtep });
    return true;
  }

  #membersOf(network: string): Members {
    const known = this.#members.get(network);
    if (known !== undefined) return known;
    const fresh = noMembers();
    this.#members.set(network, fresh);
    return fresh;
  }

  #add(key: string, placed: Placed): void {
    const { owner, network, station } = placed;
    this.#placed.set(key, placed);
    const keys = this.#keys.get(owner);
    if (keys === undefined) this.#keys.set(owner, new Set([key]));
    else keys.add(key);
    if (station === undefined) return;
    const members = this.#membersOf(network);
    members.stations.set(station.address, station);
    members.flood.add(vtepKey(station.vtep), station.vtep);
  }

  #remove(key: string, { owner, network, station }: Placed): void {
    this.#placed.delete(key);
    const keys = this.#keys.get(owner);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(owner);
    if (station === undefined) return;
    const members = this.#membersOf(network);
    members.stations.delete(station.address);
    members.flood.remove(vtepKey(station.vtep));
  }
}

const noMembers = (): Members => ({
  stations: new Sorted(),
  flood: new Counted(),
  network: undefined,
  given: undefined,
});

function tunnelTo(protection: Protection | undefined): Tunnel | undefined {
  if (protection?.kind !== 'tunnel') return undefined;
  return { address: protection.vtep.address, key: protection.key, endpoint: protection.endpoint };
}

const isSameTunnel = (a: Tunnel | undefined, b: Tunnel | undefined): boolean =>
  a?.address === b?.address &&
  a?.key === b?.key &&
  a?.endpoint.address === b?.endpoint.address &&
  a?.endpoint.port === b?.endpoint.port;

const isSameSleeve = (a: Sleeve | undefined, b: Sleeve | undefined): boolean =>
  a?.address === b?.address &&
  a?.session === b?.session &&
  a?.key === b?.key &&
  a?.whole === b?.whole &&
  a?.endpoint.address === b?.endpoint.address &&
  a?.endpoint.port === b?.endpoint.port;

/** The very same where it is equal. */
const keep = (before: Vtep | undefined, now: Vtep | undefined): Vtep | undefined =>
  before?.address === now?.address && before?.port === now?.port ? before : now;

/** Where what may not leave as it is can be sent; nowhere without keys on both sides. */
function sealedVtep(
  { port }: Vtep,
  protection: Protection | undefined,
  sleeve: Sleeve | undefined,
): Vtep | undefined {
  if (protection?.kind === 'tunnel' || protection?.kind === 'sleeve') return protection.vtep;
  return sleeve && { address: sleeve.address, port };
}

const controlMac = (address: Ipv4): Mac => macOfAddress(CONTROL_NETWORK.vni, address, 0);

/** What a network's bridge and VXLAN device should hold: the same object as before where that is the same. */
function give(members: Members, network: Network, mtu: number, own: Ipv4 | undefined): NetworkForwarding {
  const { name, vni } = network;
  const { given } = members;
  const stations = members.stations.values();
  const flood = members.flood.values();
  const isSame = given?.stations === stations && given.flood === flood && given.mtu === mtu;
  if (isSame && members.network === network && given.own?.address.address === own) return given;
  const service = network === CONTROL_NETWORK ? undefined : serviceOf(network);
  const fresh = {
    name,
    vni,
    mtu,
    own: own && {
      address: { address: own, prefix: CONTROL_NETWORK.subnets[0]!.prefix },
      mac: controlMac(own),
    },
    ...(service && { service }),
    ...(network.encrypted && { encrypted: true }),
    stations,
    flood,
  };
  members.network = network;
  members.given = fresh;
  return fresh;
}
