import type { Ipv4 } from '../../core/address.ts';
import type { NameRecord } from '../../ports/name-server.ts';
import { NameTable } from './table.ts';

/** Names that are heard on every network. */
const EVERYWHERE = '';

/** What is heard on some networks; on all where none are named. */
interface Heard {
  readonly table: NameTable;
  readonly networks: ReadonlySet<string> | undefined;
}

/** What the zone holds, as it is heard on each network, and all of it. */
export class Zone {
  readonly #create: () => NameTable;
  /** Made when somebody asks there: where nobody asks of all networks at once, there is no table of all. */
  readonly #tables = new Map<string, Heard>();
  /** By name, then by network. */
  readonly #published = new Map<string, Map<string, readonly Ipv4[]>>();

  constructor(zone: string, ttl: number) {
    this.#create = () => new NameTable(zone, ttl);
  }

  /** What is heard on any of these networks; all that there is where none are named. */
  on(networks: readonly string[] | undefined): NameTable {
    const key = networks?.join('/') ?? '';
    const known = this.#tables.get(key);
    if (known !== undefined) return known.table;
    const table = this.#create();
    this.#tables.set(key, { table, networks: networks && new Set(networks) });
    for (const name of this.#published.keys())
      table.publish([this.#heard(name, networks && new Set(networks))]);
    return table;
  }

  get names(): number {
    return this.#published.size;
  }

  get addresses(): number {
    return new Set([...this.#published.values()].flatMap(networks => [...networks.values()].flat())).size;
  }

  /** Gives the names that can't be asked for: those are left out. */
  publish(records: readonly NameRecord[]): readonly string[] {
    return records.flatMap(record => this.#set(record));
  }

  #set({ addresses, name, network }: NameRecord): readonly string[] {
    const networks = this.#published.get(name) ?? new Map<string, readonly Ipv4[]>();
    if (addresses.length > 0) networks.set(network, addresses);
    else networks.delete(network);
    if (networks.size > 0) this.#published.set(name, networks);
    else this.#published.delete(name);
    const unusable = new Set<string>();
    for (const heard of this.#tables.values()) {
      if (!isHeard(network, heard.networks)) continue;
      for (const one of heard.table.publish([this.#heard(name, heard.networks)])) unusable.add(one);
    }
    return [...unusable];
  }

  #heard(name: string, networks: Heard['networks']): Pick<NameRecord, 'name' | 'addresses'> {
    const heard = [...(this.#published.get(name) ?? [])].filter(([network]) => isHeard(network, networks));
    return { name, addresses: [...new Set(heard.flatMap(([, addresses]) => addresses))] };
  }
}

const isHeard = (network: string, networks: Heard['networks']): boolean =>
  networks === undefined || network === EVERYWHERE || networks.has(network);
