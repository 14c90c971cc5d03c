import { readFileSync } from 'node:fs';
import type { Ipv4, Mac } from '../../../core/address.ts';
import { ok, type Result } from '../../../core/errors.ts';
import type { Service } from '../../../core/networks/network.ts';
import type { InSwitch } from '../parts.ts';
import { type Element, type Elements, join, split } from './elements.ts';
import type { Count } from './nfnetlink.ts';
import { switchRuleset } from './ruleset.ts';
import { type Change, openTable, type Table } from './table.ts';

/** Keeps each container's port of the switch to its own addresses. */
export interface SwitchGuard {
  guard(inSwitch: InSwitch, dataPort: number): Promise<Result<void>>;
  allow(port: string, mac: Mac, addresses: readonly Ipv4[]): void;
  allowHost(port: string, mac: Mac, addresses: readonly Ipv4[]): void;
  disallow(port: string): void;
  setServices(services: readonly Service[]): void;
  services(): ReadonlySet<string>;
  counts(): ReadonlyMap<string, Count>;
  audit(): Promise<Result<readonly string[]>>;
  remove(): void;
  close(): void;
}

const SERVICE_SETS = ['service_macs', 'service_addresses'] as const;

/** What one port may send. */
interface Allowed {
  /** Elements of the set `senders`. */
  readonly senders: readonly Element[];
  /** Of the set `hosts`: whatever comes from there. */
  readonly hosts: readonly Element[];
}

type Senders = ReadonlyMap<string, Allowed>;

const NOTHING: Allowed = { senders: [], hosts: [] };

export function createSwitchGuard(): SwitchGuard {
  let table: Table | undefined;
  const senders = new Map<string, Allowed>();

  const close = (): void => {
    table?.close();
    table = undefined;
    senders.clear();
  };

  const replace = (port: string, after: Allowed | undefined): void => {
    if (table === undefined) throw new Error('ports can be allowed once the switch is guarded');
    const before = senders.get(port);
    if (after === undefined) senders.delete(port);
    else senders.set(port, after);
    table.change(changesOf(port, before, after, senders));
  };

  return {
    guard: async (inSwitch, dataPort) => {
      close();
      const present = inSwitch(presentPorts);
      const opened = openTable(switchRuleset(dataPort), inSwitch, held => {
        for (const [port, allowed] of adoptable(held, present)) senders.set(port, allowed);
        const kept = SERVICE_SETS.map(set => [set, held.get(set) ?? new Set<Element>()] as const);
        return new Map([...elementsOf(senders), ...kept]);
      });
      if (!opened.ok) return opened;
      table = opened.value;
      return table.load();
    },
    allow: (port, mac, addresses) => {
      replace(port, { senders: elementsFor(port, mac, addresses), hosts: [] });
    },
    allowHost: (port, mac, addresses) => {
      replace(port, { senders: elementsFor(port, mac, addresses), hosts: [join(port, mac)] });
    },
    disallow: port => {
      if (senders.has(port)) replace(port, undefined);
    },
    setServices: services => {
      if (table === undefined) throw new Error('services can be set once the switch is guarded');
      const wanted = {
        service_macs: services.map(({ mac }) => mac),
        service_addresses: services.flatMap(({ addresses }) => addresses.map(({ address }) => address)),
      };
      const guarded = table;
      guarded.change(
        SERVICE_SETS.map(set => {
          const held = [...guarded.wanted(set)];
          return { set, add: without(wanted[set], held), remove: without(held, wanted[set]) };
        }),
      );
    },
    services: () => table?.wanted('service_macs') ?? new Set(),
    counts: () => table?.counts() ?? new Map(),
    audit: async () => (await table?.audit()) ?? ok([]),
    remove: () => {
      table?.remove();
      close();
    },
    close,
  };
}

function elementsFor(port: string, mac: Mac, addresses: readonly Ipv4[]): readonly Element[] {
  return [...new Set(addresses)].map(address => join(port, mac, address));
}

/** The names of the interfaces in the namespace that the thread is in. */
function presentPorts(): ReadonlySet<string> {
  const lines = readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n');
  return new Set(lines.flatMap(line => /^\s*([^\s:]+):/.exec(line)?.[1] ?? []));
}

/** What an earlier router allowed, but for ports that went with their container while no router ran. */
function adoptable(held: Elements, present: ReadonlySet<string>): Senders {
  const ports = [...(held.get('ports') ?? [])].filter(port => present.has(port));
  const of = (set: string, port: string): readonly Element[] =>
    [...(held.get(set) ?? [])].filter(element => split(element)[0] === port);
  return new Map(ports.map(port => [port, { senders: of('senders', port), hosts: of('hosts', port) }]));
}

function elementsOf(senders: Senders): Elements {
  const all = [...senders.values()].flatMap(allowed => allowed.senders);
  return new Map([
    ['ports', new Set(senders.keys())],
    ['senders', new Set(all)],
    ['hosts', new Set([...senders.values()].flatMap(({ hosts }) => hosts))],
    ['local', macsOf(all)],
  ]);
}

/** `senders` is how things stand afterwards; `before` and `after` are undefined where the port isn't a container's. */
function changesOf(
  port: string,
  before: Allowed | undefined,
  after: Allowed | undefined,
  senders: Senders,
): readonly Change[] {
  const [had, has] = [before ?? NOTHING, after ?? NOTHING];
  const gone = without(had.senders, has.senders);
  // Networks may share a MAC: it stays local while another port has it.
  const macsGone =
    gone.length === 0 ? [] : without([...macsOf(gone)], [...(elementsOf(senders).get('local') ?? [])]);
  return [
    { set: 'ports', add: before || !after ? [] : [port], remove: before && !after ? [port] : [] },
    { set: 'senders', add: without(has.senders, had.senders), remove: gone },
    { set: 'hosts', add: without(has.hosts, had.hosts), remove: without(had.hosts, has.hosts) },
    { set: 'local', add: without([...macsOf(has.senders)], [...macsOf(had.senders)]), remove: macsGone },
  ];
}

function macsOf(senders: readonly Element[]): ReadonlySet<Element> {
  return new Set(senders.flatMap(element => split(element)[1] ?? []));
}

function without(all: readonly Element[], some: readonly Element[]): readonly Element[] {
  const left = new Set(some);
  return all.filter(element => !left.has(element));
}
