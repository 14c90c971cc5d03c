import { type Cidr, type Ipv4, type Mac, macOfAddress, parseCidr, serviceAddress } from '../address.ts';

/** A named overlay segment. */
export interface Network {
  readonly name: string;
  /** Given by who made it: two of one name are told apart by it. */
  readonly id: string;
  readonly vni: number;
  /** Address space that the mesh itself hands out on this network; for the default one, see `createNetworksView`. */
  readonly subnets: readonly Cidr[];
  /** The part of the first subnet that an address is taken from which nobody names. */
  readonly range?: Cidr;
  /** Addresses that are somebody's outside of the mesh, by what they are called; the gateway is one of its own. */
  readonly gateway?: Ipv4;
  readonly aux?: Readonly<Record<string, Ipv4>>;
  /** An upper bound on what the paths allow. */
  readonly mtu?: number;
  /** Its containers reach nothing outside through it. */
  readonly internal?: boolean;
  /** Its frames leave a host sealed, or not at all; also where those of other networks go as they are. */
  readonly encrypted?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The network that every host has without anybody having to create it. */
export const DEFAULT_NETWORK: Network = {
  name: 'mesh',
  id: 'mesh',
  vni: 6784,
  subnets: [],
};

/** Joins the switches themselves, for heartbeats and measuring; no container is ever on it. */
export const CONTROL_NETWORK: Network = {
  name: 'control',
  id: 'control',
  vni: 6783,
  // Shared address space (RFC 6598); it is seen in the switch's own namespace only.
  subnets: [parseCidr('100.64.0.0/10') as Cidr],
};

/** What every host answers for on a network by itself. */
export interface Service {
  /** One in each subnet, with its prefix. */
  readonly addresses: readonly Cidr[];
  /** The same on every host. */
  readonly mac: Mac;
}

/** The service addresses of a network; undefined where it has no subnet. */
export function serviceOf({ vni, subnets }: Network): Service | undefined {
  const addresses = subnets.flatMap(subnet => {
    const address = serviceAddress(subnet);
    return address === undefined ? [] : [{ address, prefix: subnet.prefix }];
  });
  const [first] = addresses;
  return first && { addresses, mac: macOfAddress(vni, first.address, 0) };
}

export const isServiceAddress = ({ subnets }: Network, address: Ipv4): boolean =>
  subnets.some(subnet => serviceAddress(subnet) === address);

/** What of a network is given to no container by itself: the mesh's own, and what is somebody's outside. */
export const keptBack = ({ gateway, aux = {} }: Network): readonly Ipv4[] => [
  ...(gateway === undefined ? [] : [gateway]),
  ...Object.values(aux),
];

/** What containers on it may send, where the paths allow `mtu`. */
export const mtuOn = (network: Network, mtu: number): number => Math.min(mtu, network.mtu ?? mtu);

/** What its interface is called in a container that was attached; `standard` is the default network's. */
export function deviceOn({ name, vni }: Network, standard: string): string {
  if (name === DEFAULT_NETWORK.name) return standard;
  const device = `eth-${name}`;
  return device.length <= DEVICE_NAME_MAX ? device : `eth-${vni.toString(16)}`;
}

/** IFNAMSIZ of linux/if.h, less the zero at its end. */
const DEVICE_NAME_MAX = 15;
