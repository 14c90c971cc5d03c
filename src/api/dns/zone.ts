import type { Ipv4 } from '../../core/address.ts';
import type { NameRecord } from '../../ports/name-server.ts';
import { NameTable } from './table.ts';

/** Names that are heard on every network. */
const EVERYWHERE = '';

/** What the zone holds, as it is heard on each network, and all of it. */
export class Zone {
  readonly #create: () => NameTable;
  /** Made when somebody asks there: where nobody asks of all networks at once, there is no table of all. */
  readonly #tables = new Map<string | undefined, NameTable>();
  /** By name, then by network. */
  readonly #published = new Map<string, Map<string, readonly Ipv4[]>>();

  constructor(zone: string, ttl: number) {
    this.#create = () => new NameTable(zone, ttl);
  }

  /** What is heard on a network; all that there is where none is named. */
  on(network: string | undefined): NameTable {
    const known = this.#tables.get(network);
    if (known !== undefined) return known;
    const table = this.#create();
    this.#tables.set(network, table);
    for (const name of this.#published.keys()) table.publish([this.#heard(name, network)]);
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
    for (const [where, table] of this.#tables) {
      const isTouched = where === undefined || where === network || network === EVERYWHERE;
      for (const one of isTouched ? table.publish([this.#heard(name, where)]) : []) unusable.add(one);
    }
    return [...unusable];
  }

  #heard(name: string, where: string | undefined): Pick<NameRecord, 'name' | 'addresses'> {
    const networks = [...(this.#published.get(name) ?? [])].filter(
      ([network]) => where === undefined || network === where || network === EVERYWHERE,
    );
    return { name, addresses: [...new Set(networks.flatMap(([, addresses]) => addresses))] };
  }
}
