import { fromNumber, type Mac, toNumber, type Vtep } from '../../core/address.ts';
import { isTunnelAddress, type NetworkForwarding, type Station } from '../../core/forwarding.ts';
import { macFromNumber, macNumber } from './bytes.ts';
import type { ForwardingEntry, Neighbour } from './rtnetlink/neighbours.ts';
import { inTurns } from './turns.ts';

/** Link indexes of a network's devices in the switch. */
export interface Devices {
  readonly bridge: number;
  readonly vxlan: number;
  /** Where `vxlan` sends through tunnels, or this router: the one by which frames to other hosts go as they are. */
  readonly plain?: number | undefined;
}

/** By which device frames to a VTEP go. */
export const deviceTo = ({ vxlan, plain }: Devices, { address }: Vtep): number =>
  plain === undefined || isTunnelAddress(address) ? vxlan : plain;

/**
 * The entries of one network's tables, as they are or as they should be. Numbers on both sides (see `keys`), since
 * ten thousand entries are compared every few seconds.
 */
export interface Tables {
  /** The VXLAN devices': MAC to VTEP. */
  readonly vxlan: Map<number, number>;
  /** The bridge's: MAC to the port (link index) that it is behind. */
  readonly bridge: Map<number, number>;
  /** IPv4 address to MAC. */
  readonly neighbours: Map<number, number>;
  /** The VXLAN devices' all-zero entries: VTEP to itself. */
  readonly flood: Map<number, number>;
}

export type TableName = keyof Tables;
export const TABLES: readonly TableName[] = ['vxlan', 'bridge', 'neighbours', 'flood'];

/** Values that no wanted entry has: it timed out or named several hosts; it was learnt, or could move. */
export const UNCLEAR = -1;
const looseAt = (port: number): number => -port;

const PORTS = 65536;

export const keys = {
  mac: macNumber,
  address: (address: string): number => toNumber(address) ?? 0,
  vtep: ({ address, port }: Vtep): number => keys.address(address) * PORTS + port,
} as const;

export const values = {
  mac: macFromNumber,
  address: fromNumber,
  vtep: (vtep: number): Vtep => ({ address: fromNumber(Math.floor(vtep / PORTS)), port: vtep % PORTS }),
} as const;

export function emptyTables(): Tables {
  return { vxlan: new Map(), bridge: new Map(), neighbours: new Map(), flood: new Map() };
}

/** `ports`: the containers attached here, by MAC; a station that has one of these MACs is not believed. */
export async function wantedTables(
  wanted: Pick<NetworkForwarding, 'stations' | 'flood'>,
  devices: Devices,
  ports: ReadonlyMap<Mac, number>,
): Promise<Tables> {
  const tables = emptyTables();
  await inTurns(wanted.stations, ({ address, mac, vtep }: Station) => {
    const key = keys.mac(mac);
    if (!tables.vxlan.has(key)) tables.vxlan.set(key, keys.vtep(vtep));
    tables.bridge.set(key, deviceTo(devices, vtep));
    tables.neighbours.set(keys.address(address), key);
  });
  for (const [mac, port] of ports) tables.bridge.set(keys.mac(mac), port);
  for (const vtep of wanted.flood) tables.flood.set(keys.vtep(vtep), keys.vtep(vtep));
  return tables;
}

export interface KernelTables {
  readonly forwarding: readonly ForwardingEntry[];
  readonly neighbours: readonly Neighbour[];
}

/** By link index: the bridge of each VXLAN device and of each container's port (`ports`). */
export function bridgesOf(
  networks: readonly Devices[],
  ports: ReadonlyMap<number, number>,
): ReadonlyMap<number, number> {
  const uplinks = networks.flatMap(({ bridge, vxlan, plain }) =>
    [vxlan, plain].flatMap(device => (device === undefined ? [] : [[device, bridge] as const])),
  );
  return new Map([...ports, ...uplinks]);
}

/**
 * Sorts what was read from the kernel by the bridge it belongs to. `bridges` is what `bridgesOf` gives, `dataPort` the
 * UDP port of the VXLAN devices.
 */
export async function sortTables(
  read: KernelTables,
  bridges: ReadonlyMap<number, number>,
  dataPort: number,
): Promise<ReadonlyMap<number, Tables>> {
  const byBridge = new Map([...bridges.values()].map(bridge => [bridge, emptyTables()]));
  await inTurns(read.forwarding, entry => {
    const tables = byBridge.get(bridges.get(entry.link) ?? 0);
    if (tables === undefined) return;
    const held = tables[tableOf(entry)];
    const key = keyIn(entry, dataPort);
    held.set(key, entry.table === 'vxlan' && held.has(key) ? UNCLEAR : valueIn(entry, dataPort));
  });
  await inTurns(read.neighbours, ({ link, address, mac }) => {
    byBridge.get(link)?.neighbours.set(address, mac);
  });
  return byBridge;
}

export function tableOf({ table, mac }: ForwardingEntry): 'bridge' | 'flood' | 'vxlan' {
  return table === 'vxlan' && mac === 0 ? 'flood' : table;
}

export function keyIn(entry: ForwardingEntry, dataPort: number): number {
  return tableOf(entry) === 'flood' ? vtepIn(entry, dataPort) : entry.mac;
}

/** What `keyIn` leads to, if it is the only one. */
export function valueIn(entry: ForwardingEntry, dataPort: number): number {
  const { table, link, fixed, mac } = entry;
  if (table === 'bridge') return fixed ? link : looseAt(link);
  return mac === 0 || fixed ? vtepIn(entry, dataPort) : UNCLEAR;
}

const vtepIn = ({ address, port }: ForwardingEntry, dataPort: number): number =>
  address * PORTS + (port === 0 ? dataPort : port);
