import {
  type Cidr,
  formatCidr,
  type Ipv4,
  type Mac,
  macOfAddress,
  parseCidr,
  serviceAddress,
} from '../address.ts';
import { isObject, isText, isWithin, toBytes, toObject } from '../json.ts';

/** The domain of what networks there are. The key of an entry is the network's name. */
export const NETWORKS = 'networks';

/** A named overlay segment. */
export interface Network {
  readonly name: string;
  readonly vni: number;
  /** Address space that the mesh itself hands out on this network; for the default one, see `createNetworksView`. */
  readonly subnets: readonly Cidr[];
}

/** The network that every host has without anybody having to create it. */
export const DEFAULT_NETWORK: Network = {
  name: 'mesh',
  vni: 6784,
  subnets: [],
};

/** Joins the switches themselves, for heartbeats and measuring; no container is ever on it. */
export const CONTROL_NETWORK: Network = {
  name: 'control',
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

export const VNI_MAX = 0xff_ff_ff;

export function encodeNetwork(network: Network): Uint8Array {
  return toBytes({ vni: network.vni, subnets: network.subnets.map(formatCidr) });
}

export function decodeNetwork(name: string, bytes: Uint8Array): Network | undefined {
  const value = toObject(bytes);
  if (value === undefined || !isObject(value) || !isText(name, 64)) return undefined;
  const { vni, subnets } = value;
  if (!isWithin(vni, 1, VNI_MAX) || !Array.isArray(subnets) || subnets.length > 16) return undefined;
  const parsed = subnets.map(subnet => (isText(subnet, 18) ? parseCidr(subnet) : undefined));
  return parsed.every(subnet => subnet !== undefined) ? { name, vni, subnets: parsed } : undefined;
}
