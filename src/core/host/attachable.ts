import {
  broadcastAddress,
  type Cidr,
  formatCidr,
  type Ipv4,
  type Mac,
  macOfAddress,
  networkAddress,
  toNumber,
} from '../address.ts';
import type { Claim } from '../endpoints/view.ts';
import type { Problem } from '../errors.ts';
import { DEFAULT_NETWORK, isServiceAddress, type Network } from '../networks/network.ts';
import type { Context } from './context.ts';
import type { Held } from './held.ts';
import type { Sandbox } from './step.ts';

export const SERVICE_WHY = 'it is the address of the mesh itself, on every host';

/** Why these addresses can't be given to `container` on `network`; undefined where they can. */
export function checkAddresses(
  context: Context,
  network: Network,
  container: string,
  addresses: readonly Cidr[],
): Problem | undefined {
  for (const cidr of addresses) {
    const why = unusable(cidr) ?? (isServiceAddress(network, cidr.address) ? SERVICE_WHY : undefined);
    if (why !== undefined) return { code: 'address-unusable', value: formatCidr(cidr), why };
    const misplaced = outOfPlace(context, network, cidr.address);
    if (misplaced !== undefined) return misplaced;
    const holder = context.endpoints.holder(network.name, cidr.address);
    const own = holder?.owner === context.config.self && holder.endpoint.container === container;
    if (holder !== undefined && !own) return describeHolder(context, holder);
    const twin =
      holder?.endpoint ??
      addresses.find(other => other.address === cidr.address && other.prefix !== cidr.prefix);
    if (twin !== undefined && twin.prefix !== cidr.prefix) {
      const twice = `it would have it as ${formatCidr(twin)} too; detach that first`;
      return { code: 'address-unusable', value: formatCidr(cidr), why: twice };
    }
  }
  return undefined;
}

/** What is in the subnet of one network is of no use on another; the default one takes all that is in none. */
function outOfPlace({ networks }: Context, { name, subnets }: Network, address: Ipv4): Problem | undefined {
  const place = networks.at(address);
  if (place !== undefined && place.name !== name)
    return { code: 'address-of-network', value: address, network: place.name };
  if (place !== undefined || name === DEFAULT_NETWORK.name) return undefined;
  return { code: 'subnet-outside', value: address, range: subnets.map(formatCidr).join(', ') };
}

/** Says who has an address, and where. */
export function describeHolder(context: Context, { owner, endpoint }: Claim): Problem {
  const host =
    owner === context.config.self ? 'this host' : (context.topology.host(owner)?.nickname ?? owner);
  return { code: 'address-taken', value: endpoint.address, holder: endpoint.containerName, host };
}

function unusable(cidr: Cidr): string | undefined {
  const first = (toNumber(cidr.address) ?? 0) >>> 24;
  if (first === 0) return 'addresses that begin with 0 mean "this network"';
  if (first === 127) return 'it is a loopback address';
  if (first >= 224) return 'it is a multicast or reserved address';
  if (cidr.prefix === 0) return 'a prefix of 0 would draw all traffic of the container';
  if (cidr.prefix >= 31) return undefined;
  if (cidr.address === networkAddress(cidr)) return `it is the network address of ${formatCidr(cidr)}`;
  if (cidr.address === broadcastAddress(cidr)) return `it is the broadcast address of ${formatCidr(cidr)}`;
  return undefined;
}

/** Who else holds one of these addresses of `held`. */
export function taken(context: Context, held: Held, addresses: readonly Cidr[]): Problem | undefined {
  for (const { address } of addresses) {
    const holder = context.endpoints.holder(held.network, address);
    if (holder !== undefined && holder.owner !== context.config.self) return describeHolder(context, holder);
  }
  return undefined;
}

/** An address that another container of this host is being given right now. */
export function pendingElsewhere(
  all: ReadonlyMap<string, Held>,
  network: string,
  container: Sandbox,
  addresses: readonly Cidr[],
): Problem | undefined {
  for (const held of all.values()) {
    if (held.network !== network || held.container === container.id) continue;
    const waiting = held.waiting?.addresses ?? [];
    const has = (list: readonly Cidr[], address: Ipv4) => list.some(other => other.address === address);
    const clash = addresses.find(({ address }) => has(held.addresses, address) || has(waiting, address));
    if (clash !== undefined) {
      return { code: 'address-taken', value: clash.address, holder: held.containerName, host: 'this host' };
    }
  }
  return undefined;
}

/** Takes these addresses from containers that are down; gives those that had some. */
export function yielded(
  all: ReadonlyMap<string, Held>,
  network: string,
  container: Sandbox,
  addresses: readonly Cidr[],
): readonly Held[] {
  const isWanted = (own: Cidr): boolean => addresses.some(({ address }) => address === own.address);
  const losing = [...all.values()].filter(
    held =>
      held.network === network &&
      held.container !== container.id &&
      held.sandbox === undefined &&
      held.addresses.some(isWanted),
  );
  for (const held of losing) held.addresses = held.addresses.filter(own => !isWanted(own));
  return losing;
}

/** The MAC that goes with an address, or the next one where that is in use. */
export function freeMac(context: Context, network: Network, address: Ipv4): Mac {
  for (let salt = 0; ; salt += 1) {
    const mac = macOfAddress(network.vni, address, salt);
    if (!context.endpoints.uses(network.name, mac)) return mac;
  }
}
