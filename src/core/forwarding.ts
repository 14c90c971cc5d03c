import {
  type Cidr,
  compare,
  contains,
  fromNumber,
  type Ipv4,
  type Mac,
  parseCidr,
  toNumber,
  type Vtep,
} from './address.ts';
import type { Service } from './networks/network.ts';

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
  /** What the bridge answers for here as on every other host: nothing from or to it passes the VXLAN device. */
  readonly service?: Service;
  /** Nothing of it may leave as it is, or is taken that comes so. */
  readonly encrypted?: boolean;
  /** Sorted by address. */
  readonly stations: readonly Station[];
  /** VTEPs with members of this network: they get broadcast and multicast. Sorted. */
  readonly flood: readonly Vtep[];
}

/** Ports above the data port, one for each peer that others are helped to reach. */
export const RELAY_PORTS = 1_000;

/** What comes from a peer at this port is sent on to another, whom the first does not reach. */
export interface Relay {
  readonly port: number;
  readonly to: Vtep;
}

/** An encrypted way to a peer's kernel. */
export interface Tunnel {
  /** The peer's address in it. */
  readonly address: Ipv4;
  /** The peer's public key (X25519, base64). */
  readonly key: string;
  /** Where the peer takes what is encrypted. */
  readonly endpoint: Vtep;
}

/** A way to a peer by its router, in user space. */
export interface Sleeve {
  /** What the kernel sends to the peer's address there goes this way. */
  readonly address: Ipv4;
  /** The peer's own among tunnels: what comes from it bears that. */
  readonly tunnel: Ipv4;
  /** Where its router takes frames. */
  readonly endpoint: Vtep;
  /** The starts of both routers: one ends with either of them. */
  readonly session: string;
  /** The peer's public key (X25519, base64). */
  readonly key: string;
  /** Whether it takes frames as large as a kernel keeps them together. */
  readonly whole: boolean;
}

/** Everything that this host's kernel should hold about the others: the whole of it, every time. */
export interface Forwarding {
  /** Who may send to the data port. Sorted. */
  readonly peers: readonly Ipv4[];
  readonly networks: readonly NetworkForwarding[];
  /** Sorted by port; none unless given. */
  readonly relays?: readonly Relay[];
  /** Sorted by address; undefined where this host does not encrypt. */
  readonly tunnels?: readonly Tunnel[];
  /** Sorted by address; undefined where this host has no such way. */
  readonly sleeves?: readonly Sleeve[];
}

/** What the tunnel takes of each packet: 20 IP + 8 UDP + 16 header + 16 tag of WireGuard. */
export const TUNNEL_OVERHEAD = 60;

/** Both of the following. */
export const ALL_TUNNELS = parseCidr('240.0.0.0/9') as Cidr;
/** Addresses for what is in tunnels. Nobody else's (RFC 1112, class E), and seen in the switches' own namespaces only. */
export const TUNNEL_SUBNET = parseCidr('240.0.0.0/10') as Cidr;
/** Beside these, those by which the same hosts are reached through their routers. */
const SLEEVE_SUBNET = parseCidr('240.64.0.0/10') as Cidr;

/** Such addresses are nobody's outside of the switches. */
export const isTunnelAddress = (address: Ipv4): boolean => contains(ALL_TUNNELS, address);

export const isSleeveAddress = (address: Ipv4): boolean => contains(SLEEVE_SUBNET, address);

/** Of the host with this address in the control network: the bits that tell hosts apart are the same. */
export const tunnelAddress = (control: Ipv4): Ipv4 => within(TUNNEL_SUBNET, control);

/** The same host's, through its router. */
export const sleeveAddress = (control: Ipv4): Ipv4 => within(SLEEVE_SUBNET, control);

function within({ address, prefix }: Cidr, control: Ipv4): Ipv4 {
  const host = (toNumber(control) ?? 0) & (0xffffffff >>> prefix);
  return fromNumber(((toNumber(address) ?? 0) | host) >>> 0);
}

/** The length of a VXLAN header with what stands before it over IPv4: 20 IP + 8 UDP + 8 VXLAN + 14 Ethernet (RFC 7348). */
export const VXLAN_OVERHEAD = 50;

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
    const flood = new Map([...before.flood, ...network.flood].map(vtep => [vtepKey(vtep), vtep]));
    return {
      ...network,
      own: network.own ?? before.own,
      stations: stations.sort((a, b) => compare(a.address, b.address)),
      flood: [...flood].sort(([a], [b]) => compare(a, b)).map(([, vtep]) => vtep),
    };
  });
  const unknown = inherited.networks.filter(({ vni }) => !networks.some(network => network.vni === vni));
  const all = [...networks, ...unknown];
  const vteps = all.flatMap(({ flood, stations }) => [...flood, ...stations.map(station => station.vtep)]);
  const heard = vteps.flatMap(vtep => senderTo(vtep, inherited.tunnels ?? []));
  const peers = new Set([...wanted.peers, ...heard]);
  const ports = new Set(wanted.relays?.map(({ port }) => port));
  const relays = [
    ...(wanted.relays ?? []),
    ...(inherited.relays ?? []).filter(({ port }) => !ports.has(port)),
  ];
  return {
    peers: [...peers].sort(compare),
    networks: all,
    relays: relays.sort((a, b) => a.port - b.port),
    ...(wanted.sleeves && { sleeves: wanted.sleeves }),
    ...(wanted.tunnels && { tunnels: withTunnels(wanted.tunnels, inherited.tunnels ?? []) }),
  };
}

/** From where who is behind a VTEP sends to the data port: of a tunnel that ends at another port, nobody does. */
function senderTo({ address, port }: Vtep, tunnels: readonly Tunnel[]): readonly Ipv4[] {
  if (!isTunnelAddress(address)) return [address];
  const endpoint = tunnels.find(tunnel => tunnel.address === address)?.endpoint;
  return endpoint?.port === port ? [endpoint.address] : [];
}

function withTunnels(wanted: readonly Tunnel[], inherited: readonly Tunnel[]): readonly Tunnel[] {
  const known = new Set(wanted.flatMap(({ address, key }) => [address, key]));
  const others = inherited.filter(({ address, key }) => !known.has(address) && !known.has(key));
  return [...wanted, ...others].sort((a, b) => compare(a.address, b.address));
}

export const vtepKey = (vtep: Vtep): string => `${toNumber(vtep.address)}:${vtep.port}`;
