import type { Ipv4, Mac } from '../../core/address.ts';
import type { NetworkForwarding, Station } from '../../core/forwarding.ts';
import { emptyTables, keys, type Tables } from './tables.ts';

/** What can differ between two lists of stations. */
export interface Touched {
  readonly macs: ReadonlySet<Mac>;
  readonly addresses: ReadonlySet<Ipv4>;
}

/** With more, looking at everything costs little more, and is done in turns. */
const MOST = 1000;

/**
 * One change in ten thousand stations leaves the same before and after it: only what lies between has to be looked at.
 * Undefined where that is much.
 */
export function touchedBy(before: readonly Station[], after: readonly Station[]): Touched | undefined {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && same(before[start]!, after[start]!)) start += 1;
  let end = 0;
  while (end < shorter - start && same(before[before.length - 1 - end]!, after[after.length - 1 - end]!))
    end += 1;
  if (Math.max(before.length, after.length) - start - end > MOST) return undefined;
  const macs = new Set<Mac>();
  const addresses = new Set<Ipv4>();
  for (const list of [before, after]) {
    for (const { mac, address } of list.slice(start, list.length - end)) {
      macs.add(mac);
      addresses.add(address);
    }
  }
  return { macs, addresses };
}

function same(a: Station, b: Station): boolean {
  if (a === b) return true;
  if (a.address !== b.address || a.mac !== b.mac) return false;
  return a.vtep === b.vtep || (a.vtep.address === b.vtep.address && a.vtep.port === b.vtep.port);
}

/** The part of a network that is touched, flood list and all. */
export function touchedPart(wanted: NetworkForwarding, { macs, addresses }: Touched): NetworkForwarding {
  if (macs.size === 0) return { ...wanted, stations: [] };
  const stations = wanted.stations.filter(({ mac, address }) => macs.has(mac) || addresses.has(address));
  return { ...wanted, stations };
}

/** The part of the tables that `touchedPart` speaks of. */
export function touchedEntries(tables: Tables, { macs, addresses }: Touched): Tables {
  const part = emptyTables();
  for (const mac of macs) {
    copyEntry(tables.vxlan, part.vxlan, keys.mac(mac));
    copyEntry(tables.bridge, part.bridge, keys.mac(mac));
  }
  for (const address of addresses) copyEntry(tables.neighbours, part.neighbours, keys.address(address));
  return { ...part, flood: tables.flood };
}

function copyEntry(from: ReadonlyMap<number, number>, to: Map<number, number>, key: number): void {
  const value = from.get(key);
  if (value !== undefined) to.set(key, value);
}
