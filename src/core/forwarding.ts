import {
  type Cidr,
  compare,
  type Ipv4,
  type Mac,
  macOfAddress,
  type PeerId,
  toNumber,
  type Vtep,
} from './address.ts';
import type { EndpointsView } from './endpoints/view.ts';
import { CONTROL_NETWORK, type Network } from './networks/network.ts';
import type { NetworksView } from './networks/view.ts';
import type { TopologyView } from './topology/view.ts';

/** A container (or a host's own control address) behind another host. */
export interface Station {
  readonly address: Ipv4;
  readonly mac: Mac;
  readonly vtep: Vtep;
}

/** What one network's bridge and VXLAN device should hold. */
export interface NetworkForwarding {
  readonly name: string;
  readonly vni: number;
  readonly mtu: number;
  /** An address of this host's own kernel on the bridge (control network only). */
  readonly own: { readonly address: Cidr; readonly mac: Mac } | undefined;
  /** Sorted by address. */
  readonly stations: readonly Station[];
  /** VTEPs with members of this network: they get broadcast and multicast. Sorted. */
  readonly flood: readonly Vtep[];
}

/** Everything that this host's kernel should hold about the others: the whole of it, every time. */
export interface Forwarding {
  /** Who may send to the data port. Sorted. */
  readonly peers: readonly Ipv4[];
  readonly networks: readonly NetworkForwarding[];
}

export interface Views {
  readonly self: PeerId;
  readonly topology: TopologyView;
  readonly networks: NetworksView;
  readonly endpoints: EndpointsView;
}

/** The length of a VXLAN header with what stands before it over IPv4: 20 IP + 8 UDP + 8 VXLAN + 14 Ethernet (RFC 7348). */
export const VXLAN_OVERHEAD = 50;

/**
 * What the kernel should hold, from the facts alone. `mtu` is the largest packet that every path of this host
 * takes; `controlMtu` the one to be tried in measuring them.
 */
export function forwardingOf(views: Views, mtu: number, controlMtu: number): Forwarding {
  const { self, topology } = views;
  const others = topology.peers().filter(peer => peer !== self);
  const vteps = others.flatMap(peer => topology.host(peer)?.vtep ?? []);
  const peers = [...new Set(vteps.map(vtep => vtep.address))].sort(compare);
  const stations = stationsByNetwork(views);
  const networks = views.networks
    .all()
    .map(network => overlay(network, mtu, stations.get(network.name) ?? []));
  return { peers, networks: [control(views, others, controlMtu), ...networks] };
}

/**
 * `wanted`, and what the kernel holds beside it: for a router that has just started and has not heard the others yet,
 * so that what flows goes on flowing.
 */
export function withInherited(wanted: Forwarding, inherited: Forwarding): Forwarding {
  const networks = wanted.networks.map(network => {
    const before = inherited.networks.find(({ vni }) => vni === network.vni);
    if (before === undefined) return network;
    const known = new Set(network.stations.map(({ address }) => address));
    const stations = [...network.stations, ...before.stations.filter(({ address }) => !known.has(address))];
    const flood = new Map([...before.flood, ...network.flood].map(vtep => [keyOf(vtep), vtep]));
    return {
      ...network,
      own: network.own ?? before.own,
      stations: stations.sort((a, b) => compare(a.address, b.address)),
      flood: [...flood].sort(([a], [b]) => compare(a, b)).map(([, vtep]) => vtep),
    };
  });
  const vteps = networks.flatMap(({ flood, stations }) => [
    ...flood,
    ...stations.map(station => station.vtep),
  ]);
  const peers = new Set([...wanted.peers, ...vteps.map(vtep => vtep.address)]);
  return { peers: [...peers].sort(compare), networks };
}

function overlay(network: Network, mtu: number, stations: readonly Station[]): NetworkForwarding {
  const flood = new Map(stations.map(station => [keyOf(station.vtep), station.vtep]));
  return {
    name: network.name,
    vni: network.vni,
    mtu,
    own: undefined,
    stations: [...stations].sort((a, b) => compare(a.address, b.address)),
    flood: [...flood].sort(([a], [b]) => compare(a, b)).map(([, vtep]) => vtep),
  };
}

function stationsByNetwork({ self, topology, endpoints }: Views): ReadonlyMap<string, readonly Station[]> {
  const stations = new Map<string, Station[]>();
  for (const [holder] of endpoints.all()) {
    const vtep =
      holder === undefined || holder.owner === self ? undefined : topology.host(holder.owner)?.vtep;
    if (holder === undefined || vtep === undefined) continue;
    const { network, address, mac } = holder.endpoint;
    const list = stations.get(network);
    const station = { address, mac, vtep };
    if (list === undefined) stations.set(network, [station]);
    else list.push(station);
  }
  return stations;
}

/** Each host has an address in the control network; where two chose one, the earlier has it. */
function control({ self, topology }: Views, others: readonly PeerId[], mtu: number): NetworkForwarding {
  const { name, vni } = CONTROL_NETWORK;
  const own = topology.host(self)?.control;
  const stations = others.flatMap(peer => {
    const host = topology.host(peer);
    if (host === undefined || topology.controlling(host.control) !== peer) return [];
    return [{ address: host.control, mac: controlMac(host.control), vtep: host.vtep }];
  });
  return {
    name,
    vni,
    mtu,
    own: own && {
      address: { address: own, prefix: CONTROL_NETWORK.subnets[0]!.prefix },
      mac: controlMac(own),
    },
    stations: stations.sort((a, b) => compare(a.address, b.address)),
    flood: [],
  };
}

const controlMac = (address: Ipv4): Mac => macOfAddress(CONTROL_NETWORK.vni, address, 0);
const keyOf = (vtep: Vtep): string => `${toNumber(vtep.address)}:${vtep.port}`;
