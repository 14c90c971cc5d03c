import type { Ipv4, Mac, Vtep } from '../../core/address.ts';
import type { NetworkForwarding } from '../../core/forwarding.ts';
import type { Request } from './netlink/socket.ts';
import type { ForwardingEntry, Neighbour } from './rtnetlink/neighbours.ts';
import {
  addFlood,
  deleteBridgeEntry,
  deleteFlood,
  deleteNeighbour,
  deleteVxlanEntry,
  setBridgeEntry,
  setNeighbour,
  setVxlanEntry,
} from './rtnetlink/neighbours.ts';

/** Link indexes of a network's devices in the switch. */
export interface Devices {
  readonly bridge: number;
  readonly vxlan: number;
}

/** The entries of one network's tables, as they are or as they should be. */
export interface Tables {
  /** The VXLAN device's: behind which host a MAC is. */
  readonly vxlan: Map<Mac, Vtep>;
  /** The bridge's: behind which port (link index) a MAC is. */
  readonly bridge: Map<Mac, number>;
  readonly neighbours: Map<Ipv4, Mac>;
  /** The VXLAN device's all-zero entries, by `ADDRESS:PORT`. */
  readonly flood: Map<string, Vtep>;
}

/** One entry that has to change. */
export interface Change {
  readonly table: keyof Tables;
  readonly key: string;
  readonly found: string | undefined;
  readonly wanted: string | undefined;
  readonly requests: readonly Request[];
}

/** An entry of the bridge that is not static and sticky, as it should be: a port that no wanted entry has. */
const loose = (port: number): number => -port;
/** An entry of the VXLAN device that names several hosts, or would time out. */
const UNCLEAR: Vtep = { address: '0.0.0.0' as Ipv4, port: 0 };

export const vtepKey = (vtep: Vtep): string => `${vtep.address}:${vtep.port}`;

const sameVtep = (a: Vtep, b: Vtep): boolean => a.address === b.address && a.port === b.port;

/** `ports`: the containers attached here, by MAC; a station that has one of these MACs is not believed. */
export function wantedTables(
  wanted: NetworkForwarding,
  devices: Devices,
  ports: ReadonlyMap<Mac, number>,
): Tables {
  const vxlan = new Map<Mac, Vtep>();
  const bridge = new Map<Mac, number>();
  const neighbours = new Map<Ipv4, Mac>();
  for (const { address, mac, vtep } of wanted.stations) {
    if (!vxlan.has(mac)) vxlan.set(mac, vtep);
    bridge.set(mac, devices.vxlan);
    neighbours.set(address, mac);
  }
  for (const [mac, port] of ports) bridge.set(mac, port);
  return { vxlan, bridge, neighbours, flood: new Map(wanted.flood.map(vtep => [vtepKey(vtep), vtep])) };
}

/** Sorts what was read from the kernel by the bridge it belongs to. `dataPort` is that of the VXLAN devices. */
export function readTables(
  networks: readonly Devices[],
  ports: ReadonlyMap<number, number>,
  forwarding: readonly ForwardingEntry[],
  neighbours: readonly Neighbour[],
  dataPort: number,
): ReadonlyMap<number, Tables> {
  const byBridge = new Map<number, Tables>();
  const byLink = new Map<number, Tables>();
  for (const { bridge, vxlan } of networks) {
    const tables = { vxlan: new Map(), bridge: new Map(), neighbours: new Map(), flood: new Map() };
    byBridge.set(bridge, tables);
    byLink.set(bridge, tables).set(vxlan, tables);
  }
  for (const [port, bridge] of ports) {
    const tables = byBridge.get(bridge);
    if (tables !== undefined) byLink.set(port, tables);
  }
  for (const entry of forwarding) {
    const tables = byLink.get(entry.link);
    if (tables !== undefined) addForwarding(tables, entry, dataPort);
  }
  for (const { link, address, mac, permanent } of neighbours) {
    // What the kernel found out by itself is its own business.
    if (permanent && mac !== undefined) byBridge.get(link)?.neighbours.set(address, mac);
  }
  return byBridge;
}

function addForwarding(tables: Tables, entry: ForwardingEntry, dataPort: number): void {
  if (entry.table === 'bridge') {
    tables.bridge.set(entry.mac, entry.fixed ? entry.link : loose(entry.link));
    return;
  }
  const vtep = { address: entry.address, port: entry.port ?? dataPort };
  if (entry.mac === undefined) {
    tables.flood.set(vtepKey(vtep), vtep);
    return;
  }
  const clear = entry.permanent && !tables.vxlan.has(entry.mac);
  tables.vxlan.set(entry.mac, clear ? vtep : UNCLEAR);
}

/** What turns `held` into `wanted`. An entry that goes elsewhere is replaced: nothing is missing in between. */
export function differences(devices: Devices, held: Tables, wanted: Tables): readonly Change[] {
  const { bridge, vxlan } = devices;
  return [
    ...changes('vxlan', held.vxlan, wanted.vxlan, sameVtep, vtepKey, {
      set: (mac, vtep, before) =>
        before === UNCLEAR
          ? [deleteVxlanEntry(vxlan, mac), setVxlanEntry(vxlan, mac, vtep)]
          : [setVxlanEntry(vxlan, mac, vtep)],
      remove: mac => deleteVxlanEntry(vxlan, mac),
    }),
    ...changes('bridge', held.bridge, wanted.bridge, Object.is, port => `port ${port}`, {
      set: (mac, port) => [setBridgeEntry(port, mac)],
      remove: (mac, port) => deleteBridgeEntry(Math.abs(port), mac),
    }),
    ...changes('neighbours', held.neighbours, wanted.neighbours, Object.is, mac => mac, {
      set: (address, mac) => [setNeighbour(bridge, address, mac)],
      remove: address => deleteNeighbour(bridge, address),
    }),
    ...changes('flood', held.flood, wanted.flood, sameVtep, vtepKey, {
      set: (_, vtep) => [addFlood(vxlan, vtep)],
      remove: (_, vtep) => deleteFlood(vxlan, vtep),
    }),
  ];
}

interface Requests<Key, Value> {
  readonly set: (key: Key, value: Value, before: Value | undefined) => readonly Request[];
  readonly remove: (key: Key, value: Value) => Request;
}

function changes<Key extends string, Value>(
  table: keyof Tables,
  held: ReadonlyMap<Key, Value>,
  wanted: ReadonlyMap<Key, Value>,
  same: (a: Value, b: Value) => boolean,
  print: (value: Value) => string,
  make: Requests<Key, Value>,
): Change[] {
  const changed: Change[] = [];
  for (const [key, value] of wanted) {
    const before = held.get(key);
    if (before !== undefined && same(before, value)) continue;
    const requests = make.set(key, value, before);
    const found = before === undefined ? undefined : print(before);
    changed.push({ table, key, found, wanted: print(value), requests });
  }
  for (const [key, value] of held) {
    if (wanted.has(key)) continue;
    const requests = [make.remove(key, value)];
    changed.push({ table, key, found: print(value), wanted: undefined, requests });
  }
  return changed;
}

const TITLES: Record<keyof Tables, string> = {
  vxlan: 'forwarding entry',
  bridge: 'bridge entry',
  neighbours: 'neighbour',
  flood: 'flood entry',
};

/** A sentence for a person about a change that was not expected. */
export function describeChange(network: string, { table, key, found, wanted }: Change): string {
  const title = `network ${network}: ${TITLES[table]} ${key}`;
  if (wanted === undefined) return `${title} (${found}) should not be there; removed`;
  if (found === undefined) return `${title} (${wanted}) was missing; restored`;
  return `${title} was ${found} instead of ${wanted}; corrected`;
}
