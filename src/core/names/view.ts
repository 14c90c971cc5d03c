import { compare, type Ipv4, type PeerId } from '../address.ts';
import { ENDPOINTS } from '../endpoints/endpoint.ts';
import type { EndpointsView } from '../endpoints/view.ts';
import type { Change } from '../replica.ts';
import { decodeForeign, NAMES } from './foreign.ts';
import type { ZoneName } from './name.ts';

/** The addresses of a name on one network from now on, ascending as text; with none, there is no such name there. */
export interface NameRecord {
  /** Empty for names of addresses that no container has: they are heard on every network. */
  readonly network: string;
  readonly name: ZoneName;
  readonly addresses: readonly Ipv4[];
}

/** One address that somebody says names of. */
interface Source {
  readonly owner: PeerId;
  readonly network: string;
  readonly address: Ipv4;
  readonly names: readonly ZoneName[];
  /** Id of the container; undefined for an address that no container has. */
  readonly container: string | undefined;
}

/** One line of what a zone holds. */
export interface NamedAddress extends Omit<Source, 'names'> {
  readonly name: ZoneName;
}

const NOTHING: readonly NameRecord[] = [];

/**
 * What the zone holds: the names of all endpoints that stand, and those given to foreign addresses; nothing of a host
 * that is silent. A change costs what it changes.
 */
export class NamesView {
  readonly #endpoints: Pick<EndpointsView, 'at'>;
  readonly #sources = new Map<string, Source>();
  readonly #byOwner = new Map<PeerId, Set<string>>();
  readonly #byName = new Map<ZoneName, Map<string, Source>>();
  readonly #silent = new Set<PeerId>();
  /** By name: the networks on which it has changed. */
  readonly #touched = new Map<ZoneName, Set<string>>();

  constructor(endpoints: Pick<EndpointsView, 'at'>) {
    this.#endpoints = endpoints;
  }

  /** Takes in a change that the endpoints' view has taken in. */
  update({ owner, domain, key, now }: Change): void {
    if (domain === ENDPOINTS) {
      const holder = this.#endpoints.at(key);
      const isNamed = holder !== undefined && holder.endpoint.names.length > 0;
      this.#place(`${ENDPOINTS}/${key}`, isNamed ? { owner: holder.owner, ...holder.endpoint } : undefined);
    } else if (domain === NAMES) {
      const foreign = now?.value === undefined ? undefined : decodeForeign(key);
      const source = foreign && {
        owner,
        network: '',
        address: foreign.address,
        names: [foreign.name],
        container: undefined,
      };
      this.#place(`${owner}/${key}`, source);
    }
  }

  /** A host of which nothing is heard any more has no names, until it is heard again. */
  hush(owner: PeerId, isSilent: boolean): void {
    if (this.#silent.has(owner) === isSilent) return;
    if (isSilent) this.#silent.add(owner);
    else this.#silent.delete(owner);
    for (const key of this.#byOwner.get(owner) ?? []) {
      const source = this.#sources.get(key);
      if (source === undefined) continue;
      if (isSilent) this.#hide(key, source);
      else this.#show(key, source);
    }
  }

  /** Whose names there are, silent ones included. */
  owners(): Iterable<PeerId> {
    return this.#byOwner.keys();
  }

  /** What has changed since it was asked for last. */
  changes(): readonly NameRecord[] {
    if (this.#touched.size === 0) return NOTHING;
    const changed = [...this.#touched].flatMap(([name, networks]) =>
      [...networks].map(network => ({ network, name, addresses: this.lookup(name, network) })),
    );
    this.#touched.clear();
    return changed;
  }

  /** On all networks where none is named. */
  lookup(name: ZoneName, network?: string): readonly Ipv4[] {
    const sources = [...(this.#byName.get(name)?.values() ?? [])].filter(
      source => network === undefined || source.network === network,
    );
    return [...new Set(sources.map(({ address }) => address))].sort(compare);
  }

  /** Sorted by name, then address. */
  all(): readonly NamedAddress[] {
    const lines = [...this.#byName].flatMap(([name, sources]) =>
      [...sources.values()].map(({ owner, network, address, container }) => ({
        ...{ name, owner, network, address, container },
      })),
    );
    return lines.sort((a, b) => compare(a.name, b.name) || compare(a.address, b.address));
  }

  #place(key: string, source: Source | undefined): void {
    const before = this.#sources.get(key);
    if (before !== undefined) {
      this.#hide(key, before);
      const keys = this.#byOwner.get(before.owner);
      keys?.delete(key);
      if (keys?.size === 0) this.#byOwner.delete(before.owner);
    }
    if (source === undefined) {
      this.#sources.delete(key);
      return;
    }
    this.#sources.set(key, source);
    const keys = this.#byOwner.get(source.owner);
    if (keys === undefined) this.#byOwner.set(source.owner, new Set([key]));
    else keys.add(key);
    if (!this.#silent.has(source.owner)) this.#show(key, source);
  }

  #show(key: string, source: Source): void {
    for (const name of source.names) {
      const sources = this.#byName.get(name);
      if (sources === undefined) this.#byName.set(name, new Map([[key, source]]));
      else sources.set(key, source);
      this.#touch(name, source.network);
    }
  }

  #hide(key: string, { names, network }: Source): void {
    for (const name of names) {
      const sources = this.#byName.get(name);
      sources?.delete(key);
      if (sources?.size === 0) this.#byName.delete(name);
      this.#touch(name, network);
    }
  }

  #touch(name: ZoneName, network: string): void {
    const networks = this.#touched.get(name);
    if (networks === undefined) this.#touched.set(name, new Set([network]));
    else networks.add(network);
  }
}
