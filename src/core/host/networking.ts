import { type Cidr, contains, formatCidr, type Ipv4 } from '../address.ts';
import { type Problem, type Result, refuse } from '../errors.ts';
import { subnetProblem } from '../ipam/subnet.ts';
import {
  decodeNetwork,
  encodeNetwork,
  NETWORK_REMOVALS,
  NETWORKS,
  type NetworkFact,
  VNI_MAX,
} from '../networks/fact.ts';
import { isNetworkName } from '../networks/name.ts';
import { DEFAULT_NETWORK, keptBack, type Network } from '../networks/network.ts';
import { freeSubnet } from '../networks/pool.ts';
import { nextFree } from '../networks/view.ts';
import { overlaps, rangeOf } from '../range.ts';
import type { Entry, Write } from '../replica.ts';
import type { Attachments } from './attachments.ts';
import type { Context } from './context.ts';
import { Memberships } from './memberships.ts';
import type { Effect, IpamConfig, Millis, Reply } from './step.ts';

/** What a network is to be like; what is left out is chosen. Who knows it by an id of its own gives that, once. */
export type NetworkWish = Omit<Network, 'id' | 'vni'> & { readonly id?: string };

/** One that nobody states any more is stated again by somebody who knows it, so long after. */
const ADOPT_AFTER_MS = 1_000;
const ADOPT_WITHIN_MS = 3_000;
/** Who was away for long comes back with networks that are gone: the last so many are remembered by who removed them. */
const REMOVALS_MAX = 256;
/** One whose name is not known yet. */
const NEW = 'new';
const NO_REMOVAL = new Uint8Array();

/** Makes and removes networks, and sees to it that each goes on until somebody removes it. */
export class Networking {
  readonly #context: Context;
  readonly #attachments: Pick<Attachments, 'all'>;
  readonly #memberships: Memberships;
  /** Of networks that are being made elsewhere. */
  readonly #reserved = new Map<string, Cidr>();
  #changed = true;
  #told: readonly Network[] = [];
  #adoptAt: Millis | undefined;

  constructor(context: Context, attachments: Pick<Attachments, 'all'>) {
    this.#context = context;
    this.#attachments = attachments;
    this.#memberships = new Memberships(context);
  }

  /** Other networks may stand now. */
  changed(): void {
    this.#changed = true;
  }

  /** One with this name that is like that already is as good as a new one. */
  create(wish: NetworkWish): Result<Reply> {
    const { config, networks, shield } = this.#context;
    const known = networks.get(wish.name);
    if (known !== undefined) {
      return isAsWished(known, wish)
        ? { ok: true, value: { addresses: [], detached: [], network: known } }
        : refuse({ code: 'network-exists', network: wish.name, subnets: subnetsOf(known) });
    }
    if (config.ipam === undefined) return refuse({ code: 'ipam-off' });
    const { id = this.#newId() } = wish;
    if (wish.encrypted && !shield.canSeal) return refuse({ code: 'network-not-sealed', network: wish.name });
    if (networks.isRemoved(id)) return refuse({ code: 'network-removed', network: wish.name });
    const subnets = wish.subnets.length > 0 ? wish.subnets : this.#anySubnet(config.ipam, wish.name);
    const problem = this.#objection(config.ipam.universe, { ...wish, subnets });
    if (problem !== undefined) return refuse(problem);
    const network = { ...wish, id, vni: this.#freeVni(), subnets };
    this.#state({ network, origin: undefined });
    return { ok: true, value: { addresses: [], detached: [], network: networks.get(wish.name) } };
  }

  /**
   * Whether a network could have this subnet, or any, which is made elsewhere at the moment: nobody else is given it until it
   * is there, or somebody says that it won't be. One that a network has already is as good.
   */
  reserve(subnet: Cidr | undefined, range: Cidr | undefined): Result<Reply> {
    const { config, networks } = this.#context;
    if (config.ipam === undefined) return refuse({ code: 'ipam-off' });
    const known = subnet && networks.all().find(network => subnetsOf(network) === formatCidr(subnet));
    if (known !== undefined && (range === undefined || isAsWished(known, { ...known, range })))
      return { ok: true, value: { addresses: [], detached: [], subnet: known.subnets[0]! } };
    const subnets = subnet === undefined ? this.#anySubnet(config.ipam, '') : [subnet];
    const problem = this.#objection(config.ipam.universe, { name: NEW, subnets, ...(range && { range }) });
    if (problem !== undefined) return refuse(problem);
    const [found] = subnets as [Cidr];
    this.#reserved.set(formatCidr(found), found);
    return { ok: true, value: { addresses: [], detached: [], subnet: found } };
  }

  unreserve(subnet: Cidr): void {
    this.#reserved.delete(formatCidr(subnet));
  }

  /** Refuses while anything is on it, on any host. */
  remove(name: string): Result<Reply> {
    const { networks } = this.#context;
    const network = networks.get(name);
    if (network === undefined) return refuse({ code: 'network-unknown', network: name });
    if (name === DEFAULT_NETWORK.name) return refuse({ code: 'network-default', network: name });
    const holders = this.#holders(name);
    if (holders.length > 0)
      return refuse({ code: 'network-in-use', network: name, holders: holders.join(', ') });
    this.#sayRemoved(network.id);
    return { ok: true, value: { addresses: [], detached: [], network } };
  }

  /** Brings own facts to what stands, and tells what stands now. `effects` are those of this step. */
  review(effects: readonly Effect[]): void {
    // Who is on what changes with what is stored only.
    if (effects.some(({ kind }) => kind === 'persist')) this.#memberships.review(this.#attachments.all());
    if (!this.#changed) return;
    this.#changed = false;
    for (const subnet of this.#context.networks.all().flatMap(({ subnets }) => subnets))
      this.unreserve(subnet);
    for (const entry of this.#own()) this.#yield(entry);
    for (const network of this.#told) this.#keep(network);
    this.#planAdoption();
    const now = this.#context.networks.all();
    if (now === this.#told) return;
    this.#told = now;
    this.#context.emit({ kind: 'networks', networks: now });
  }

  /** Whether something of this host is on a network, or comes back to it when it runs again. */
  #isUsed(name: string): boolean {
    return this.#attachments.all().some(({ network }) => network === name);
  }

  /** One that is removed while something here is on it is made again. */
  #keep(network: Network): void {
    const { emit, networks } = this.#context;
    const { id, name } = network;
    if (!networks.isRemoved(id) || networks.get(name) !== undefined || !this.#isUsed(name)) return;
    const message = 'a network was removed while containers here are on it: it is made again';
    emit({ kind: 'log', level: 'warn', message, data: { network: name } });
    this.#state({ network: { ...network, id: this.#newId() }, origin: undefined });
  }

  /** An own one that is removed, or that another host made earlier, is stated no more. */
  #yield({ key, value }: Entry): void {
    const { emit, networks, write } = this.#context;
    const fact = value && decodeNetwork(key, value);
    if (fact === undefined) return;
    const { network } = fact;
    const standing = networks.get(key);
    if (standing?.id === network.id) return;
    if (!networks.isRemoved(network.id)) {
      const data = { network: key, subnets: subnetsOf(network), instead: standing && subnetsOf(standing) };
      emit({ kind: 'log', level: 'warn', message: 'another host made a network of this name earlier', data });
    }
    write([{ domain: NETWORKS, key, value: undefined }]);
  }

  #planAdoption(): void {
    const { agenda, networks, now, random } = this.#context;
    if (networks.orphans().length === 0) {
      this.#adoptAt = undefined;
      return agenda.cancel('adopt networks');
    }
    if (this.#adoptAt !== undefined) return;
    this.#adoptAt = now() + ADOPT_AFTER_MS + Math.floor(random.fraction() * ADOPT_WITHIN_MS);
    agenda.plan('adopt networks', this.#adoptAt, () => this.#adopt());
  }

  #adopt(): void {
    this.#adoptAt = undefined;
    for (const fact of this.#context.networks.orphans()) this.#state(fact);
  }

  #state(fact: NetworkFact): void {
    const value = encodeNetwork(fact);
    this.#context.write([{ domain: NETWORKS, key: fact.network.name, value }]);
  }

  #sayRemoved(id: string): void {
    const { config, replica, write } = this.#context;
    const said = replica.ofOwner(config.self).filter(({ domain }) => domain === NETWORK_REMOVALS);
    const old = said.sort((a, b) => a.stamp - b.stamp).slice(0, Math.max(0, said.length - REMOVALS_MAX));
    write([
      { domain: NETWORK_REMOVALS, key: id, value: NO_REMOVAL },
      ...old.map<Write>(({ key }) => ({ domain: NETWORK_REMOVALS, key, value: undefined })),
    ]);
  }

  #own(): readonly Entry[] {
    const { config, replica } = this.#context;
    return replica.ofOwner(config.self).filter(({ domain }) => domain === NETWORKS);
  }

  /** One that is free, or none where none is. */
  #anySubnet({ defaultSubnet, universe }: IpamConfig, name: string): readonly Cidr[] {
    const taken = this.#context.networks.all().flatMap(network => network.subnets);
    const used = this.#strays().map<Cidr>(address => ({ address, prefix: 32 }));
    const subnet = freeSubnet(universe, name, [...taken, defaultSubnet, ...used, ...this.#reserved.values()]);
    return subnet === undefined ? [] : [subnet];
  }

  /** Addresses that something has on a network whose subnet they are not in. */
  #strays(): readonly Ipv4[] {
    const { endpoints, networks } = this.#context;
    return [...endpoints.all()].flatMap(([holder]) => {
      const address = holder?.endpoint.address;
      return address === undefined || networks.at(address)?.name === holder?.endpoint.network
        ? []
        : [address];
    });
  }

  #objection(universe: Cidr, wish: NetworkWish): Problem | undefined {
    if (!isNetworkName(wish.name)) return { code: 'network-name', value: wish.name };
    if (wish.subnets.length === 0)
      return { code: 'network-no-room', network: wish.name, range: formatCidr(universe) };
    for (const subnet of wish.subnets) {
      const problem = subnetProblem(universe, subnet) ?? this.#clash(subnet);
      if (problem !== undefined) return problem;
    }
    const [first] = wish.subnets;
    const inside = (cidr: Cidr): boolean => wish.subnets.some(subnet => contains(subnet, cidr.address));
    if (wish.range !== undefined && first !== undefined) {
      const isPart = contains(first, wish.range.address) && wish.range.prefix >= first.prefix;
      if (!isPart) return { code: 'subnet-outside', value: formatCidr(wish.range), range: formatCidr(first) };
    }
    const stray = keptBack({ ...wish, id: '', vni: 0 }).find(address => !inside({ address, prefix: 32 }));
    const range = wish.subnets.map(formatCidr).join(', ');
    return stray === undefined ? undefined : { code: 'subnet-outside', value: stray, range };
  }

  /** Of one that could be given out: why it can't be this network's. */
  #clash(subnet: Cidr): Problem | undefined {
    const value = formatCidr(subnet);
    for (const { name, subnets } of this.#context.networks.all()) {
      const other = subnets.find(one => overlaps(rangeOf(one), rangeOf(subnet)));
      if (other !== undefined)
        return { code: 'subnet-overlaps', value, network: name, other: formatCidr(other) };
    }
    const stray = this.#strays().find(address => contains(subnet, address));
    return stray === undefined ? undefined : { code: 'subnet-used', value, address: stray };
  }

  /** What is on a network, for a person. */
  #holders(name: string): readonly string[] {
    const { config, endpoints, topology } = this.#context;
    const holders = new Set<string>();
    for (const claims of endpoints.all()) {
      for (const { owner, endpoint } of claims) {
        if (endpoint.network !== name) continue;
        const host = owner === config.self ? 'this host' : (topology.host(owner)?.nickname ?? owner);
        holders.add(`${endpoint.containerName} on ${host}`);
      }
    }
    return [...holders].sort();
  }

  #newId(): string {
    const word = (): string =>
      Math.floor(this.#context.random.fraction() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return word() + word();
  }

  #freeVni(): number {
    const { networks, random } = this.#context;
    const taken = new Set(networks.all().map(({ vni }) => vni));
    return nextFree(1 + Math.floor(random.fraction() * VNI_MAX), taken);
  }
}

const subnetsOf = ({ subnets }: Network): string => subnets.map(formatCidr).join(', ');

/** Whether a network is what is asked for, as far as that is said. */
function isAsWished(known: Network, wish: NetworkWish): boolean {
  const isSame = (a: unknown, b: unknown): boolean =>
    b === undefined || JSON.stringify(a) === JSON.stringify(b);
  return (
    (wish.subnets.length === 0 || subnetsOf(known) === subnetsOf({ ...known, subnets: wish.subnets })) &&
    isSame(known.range, wish.range) &&
    isSame(known.gateway, wish.gateway) &&
    isSame(known.aux, wish.aux) &&
    isSame(known.mtu, wish.mtu) &&
    (known.internal ?? false) === (wish.internal ?? false) &&
    (known.encrypted ?? false) === (wish.encrypted ?? false)
  );
}
