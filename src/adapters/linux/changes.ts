import type { Request } from './netlink/socket.ts';
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
import { type Devices, deviceTo, TABLES, type TableName, type Tables, UNCLEAR, values } from './tables.ts';
import { inTurns } from './turns.ts';

/** One entry of a table that is not as it should be. */
export interface Change {
  readonly table: TableName;
  readonly key: number;
  readonly found: number | undefined;
  readonly wanted: number | undefined;
}

/** What turns `held` into `wanted`. An entry that goes elsewhere is one change: nothing is missing in between. */
export async function differences(held: Tables, wanted: Tables): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const table of TABLES) {
    const before = held[table];
    const after = wanted[table];
    await inTurns(after, ([key, value]) => {
      const found = before.get(key);
      if (found !== value) changes.push({ table, key, found, wanted: value });
    });
    if (before.size === 0) continue;
    await inTurns(before, ([key, found]) => {
      if (!after.has(key)) changes.push({ table, key, found, wanted: undefined });
    });
  }
  return changes;
}

/** What the kernel has to be asked for the changes, made up one by one while they are sent. */
export function* requestsFor(devices: Devices, changes: readonly Change[]): Generator<Request> {
  for (const change of changes) yield* requestsOf(devices, change);
}

function requestsOf(devices: Devices, { table, key, found, wanted }: Change): Request[] {
  const { bridge, vxlan, plain } = devices;
  switch (table) {
    case 'vxlan': {
      const mac = values.mac(key);
      const to = wanted === undefined ? undefined : values.vtep(wanted);
      const device = to && deviceTo(devices, to);
      const set = to && device !== undefined ? [setVxlanEntry(device, mac, to)] : [];
      const held = found === UNCLEAR ? [vxlan, plain] : [found && deviceTo(devices, values.vtep(found))];
      // What is replaced needs no deletion; what is on the other device does.
      const left = held.filter(other => other !== undefined && (found === UNCLEAR || other !== device));
      return [...left.map(other => deleteVxlanEntry(other!, mac)), ...set];
    }
    case 'bridge': {
      const mac = values.mac(key);
      return [
        wanted === undefined ? deleteBridgeEntry(Math.abs(found ?? 0), mac) : setBridgeEntry(wanted, mac),
      ];
    }
    case 'neighbours': {
      const address = values.address(key);
      return [
        wanted === undefined
          ? deleteNeighbour(bridge, address)
          : setNeighbour(bridge, address, values.mac(wanted)),
      ];
    }
    case 'flood': {
      const vtep = values.vtep(key);
      const device = deviceTo(devices, vtep);
      return [wanted === undefined ? deleteFlood(device, vtep) : addFlood(device, vtep)];
    }
  }
}

const TITLES: Record<TableName, string> = {
  vxlan: 'forwarding entry',
  bridge: 'bridge entry',
  neighbours: 'neighbour',
  flood: 'flood entry',
};

/** A sentence for a person about a change that was not expected. */
export function describeChange(network: string, { table, key, found, wanted }: Change): string {
  const title = `network ${network}: ${TITLES[table]} ${showKey(table, key)}`;
  if (wanted === undefined) return `${title} (${showValue(table, found)}) should not be there; removed`;
  if (found === undefined) return `${title} (${showValue(table, wanted)}) was missing; restored`;
  return `${title} was ${showValue(table, found)} instead of ${showValue(table, wanted)}; corrected`;
}

function showKey(table: TableName, key: number): string {
  if (table === 'neighbours') return values.address(key);
  return table === 'flood' ? showVtep(key) : values.mac(key);
}

function showValue(table: TableName, value: number | undefined): string {
  if (value === undefined) return 'nothing';
  if (table === 'neighbours') return values.mac(value);
  if (table === 'bridge') return value < 0 ? `loose at port ${-value}` : `port ${value}`;
  return value === UNCLEAR ? 'unclear' : showVtep(value);
}

function showVtep(number: number): string {
  const { address, port } = values.vtep(number);
  return `${address}:${port}`;
}
