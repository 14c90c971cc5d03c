import { compare, type Ipv4, type PeerId } from '../address.ts';
import { ENDPOINTS } from '../endpoints/endpoint.ts';
import type { EndpointsView } from '../endpoints/view.ts';
import type { Change } from '../replica.ts';
import { decodeForeign, NAMES } from './foreign.ts';
import type { ZoneName } from './name.ts';

/** The addresses of a name from now on, ascending as text; with none, there is no such name. */
export interface NameRecord {
  readonly name: ZoneName;
  readonly addresses: readonly Ipv4[];
}

/** One address that somebody says names of. */
interface Source {
  readonly owner: PeerId;
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
  readonly #touched = new Set<ZoneName>();

  constructor(endpoints: Pick<EndpointsView, 'at'>) {
    this.#endpoints = endpoints;
  }

  /** Takes in a change that the endpoints' view has taken in. */
  update({ owner, domain, key, now }: Change): void {
    if (domain === ENDPOINTS) {
      const holder = this.#endpoints.at(key);
      const { address, names, container } = holder?.endpoint ?? {};
      const isNamed = holder !== undefined && address !== undefined && names?.length;
      this.#place(
        `${ENDPOINTS}/${key}`,
        isNamed ? { owner: holder.owner, address, names, container } : undefined,
      );
    } else if (domain === NAMES) {
      const foreign = now?.value === undefined ? undefined : decodeForeign(key);
      const source = foreign && {
        owner,
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
    const changed = [...this.#touched].map(name => ({ name, addresses: this.lookup(name) }));
    this.#touched.clear();
    return changed;
  }

  lookup(name: ZoneName): readonly Ipv4[] {
    const sources = this.#byName.get(name)?.values() ?? [];
    return [...new Set([...sources].map(({ address }) => address))].sort(compare);
  }

  /** Sorted by name, then address. */
  all(): readonly NamedAddress[] {
    const lines = [...this.#byName].flatMap(([name, sources]) =>
      [...sources.values()].map(({ owner, address, container }) => ({ name, owner, address, container })),
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
      this.#touched.add(name);
    }
  }

  #hide(key: string, { names }: Source): void {
    for (const name of names) {
      const sources = this.#byName.get(name);
      sources?.delete(key);
      if (sources?.size === 0) this.#byName.delete(name);
      this.#touched.add(name);
    }
  }
}
