import { formatCidr, type Ipv4, serviceAddress, toNumber } from '../address.ts';
import { reservedIn } from '../ipam/allocator.ts';
import { keptBack, type Network } from '../networks/network.ts';
import { rangeOf } from '../range.ts';
import { SERVICE_WHY } from './attachable.ts';
import type { Context } from './context.ts';
import type { IpamConfig } from './step.ts';

/** Addresses that no container gets: the mesh's own, and what networks keep back for something outside of it. */
export class Reserved {
  readonly #context: Pick<Context, 'networks'>;
  readonly #config: Pick<IpamConfig, 'universe' | 'defaultSubnet'>;
  #networks: readonly Network[] | undefined;
  #addresses: ReadonlySet<number> = new Set();

  constructor(context: Pick<Context, 'networks'>, config: Pick<IpamConfig, 'universe' | 'defaultSubnet'>) {
    this.#context = context;
    this.#config = config;
  }

  /** As long as these networks are there. */
  now(): ReadonlySet<number> {
    const networks = this.#context.networks.all();
    if (this.#networks === networks) return this.#addresses;
    const { universe, defaultSubnet } = this.#config;
    const subnets = [universe, defaultSubnet, ...networks.flatMap(network => network.subnets)];
    this.#networks = networks;
    this.#addresses = new Set([
      ...subnets.map(rangeOf).flatMap(reservedIn),
      ...networks.flatMap(keptBack).map(address => toNumber(address) ?? 0),
    ]);
    return this.#addresses;
  }

  /** For a person. */
  why(address: Ipv4): string {
    const network = this.#context.networks.at(address);
    if (network !== undefined && keptBack(network).includes(address))
      return `network "${network.name}" keeps it back for something outside of the mesh`;
    const { universe, defaultSubnet } = this.#config;
    const subnets = [universe, defaultSubnet, ...(network?.subnets ?? [])];
    if (subnets.some(subnet => serviceAddress(subnet) === address)) return SERVICE_WHY;
    return `it is the first or last address of ${[...new Set(subnets.map(formatCidr))].join(' or of ')}`;
  }
}
