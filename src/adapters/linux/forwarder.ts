import type { Mac, Vtep } from '../../core/address.ts';
import { type NetworkForwarding, TUNNEL_SUBNET, tunnelAddress } from '../../core/forwarding.ts';
import { agrees } from './agreement.ts';
import { type Change, describeChange, differences, requestsFor } from './changes.ts';
import { KernelError } from './libc.ts';
import { isPortName, vniOfBridge, vniOfVxlan } from './names.ts';
import { sendAll } from './netlink/send-all.ts';
import { answersOf, deleteDevices, ensureDevices, type Senders, usesSleeve } from './network-devices.ts';
import { adoptPort, mendPort, type Port, setPortMtu } from './plumbing.ts';
import { type Link, listLinks } from './rtnetlink/link-table.ts';
import { deleteLink } from './rtnetlink/links.ts';
import { listForwarding, listNeighbours, scanUse, setBridgeEntry } from './rtnetlink/neighbours.ts';
import type { Switch } from './switch.ts';
import {
  bridgesOf,
  type Devices,
  deviceTo,
  emptyTables,
  keys,
  sortTables,
  type Tables,
  tableOf,
  UNCLEAR,
  valueIn,
  values,
  wantedTables,
} from './tables.ts';
import { touchedBy, touchedEntries, touchedPart } from './touched.ts';

/** Of the kernel's times, in a second. */
const USER_HZ = 100;

interface Network {
  /** What was applied last. */
  wanted: NetworkForwarding;
  devices: Devices;
  /** What the kernel should hold according to it. */
  tables: Tables;
  /** Whether it does, as far as is known; otherwise its tables have to be read first. */
  known: boolean;
  /** Where its VXLAN devices send from. */
  from: Senders | undefined;
  /** Whether its devices are as `wanted` says. */
  ensured: boolean;
}

type Links = ReadonlyMap<string, Link>;

export interface Mended {
  readonly sentences: readonly string[];
  readonly refused: readonly KernelError[];
}

/**
 * The networks of the switch: brings the kernel to what is wanted. Remembers what it holds, so that one change among
 * many entries costs one request; reads it at first, after a refusal, and in audits.
 */
export class Forwarder {
  readonly #place: Switch;
  /** By VNI. */
  readonly #networks = new Map<number, Network>();
  /** The containers' ports, by name. */
  readonly #ports = new Map<string, Port>();
  #adopted = false;
  #from: Senders;

  constructor(place: Switch) {
    this.#place = place;
    this.#from = this.#senders([]);
  }

  /** Gives what the kernel refused; all else was carried out. */
  async apply(wanted: readonly NetworkForwarding[]): Promise<readonly KernelError[]> {
    const errors: KernelError[] = [];
    const collect = collector(errors);
    this.#from = this.#senders(wanted);
    const changed = wanted.filter(network => this.#needsDevices(network));
    const links: Links = !this.#adopted || changed.length > 0 ? await this.#links() : new Map();
    if (!this.#adopted) collect(() => this.#adopt(wanted, links));
    for (const vni of this.#networks.keys()) {
      if (!wanted.some(network => network.vni === vni)) collect(() => this.#drop(vni));
    }
    for (const network of changed) collect(() => this.#ensure(network, links));
    for (const network of wanted) errors.push(...(await this.#update(network)));
    errors.push(...(await this.#bring(network => !network.known)).refused);
    return errors;
  }

  /** Compares the kernel with what was applied last, and mends it. */
  async audit(): Promise<Mended> {
    const sentences: string[] = [];
    const errors: KernelError[] = [];
    const collect = collector(errors);
    const links = await this.#links();
    for (const { wanted } of this.#networks.values()) {
      collect(() => sentences.push(...this.#ensure(wanted, links)));
    }
    for (const port of this.#ports.values()) collect(() => sentences.push(...this.#mendPort(port, links)));
    if (await this.#agrees()) return { sentences, refused: errors };
    const { sentences: more, refused } = await this.#bring(() => true);
    return { sentences: [...sentences, ...more], refused: [...errors, ...refused] };
  }

  /** Where frames of containers went within so many seconds. What is flooded doesn't count. */
  async used(seconds: number): Promise<readonly Vtep[]> {
    const devices = new Set(
      [...this.#networks.values()]
        .filter(({ wanted }) => wanted.own === undefined)
        .flatMap(({ devices: { vxlan, plain } }) => (plain === undefined ? [vxlan] : [vxlan, plain])),
    );
    const found = new Set<number>();
    await scanUse(this.#place.route, (entry, { sinceUsed, sinceSet }) => {
      // One that was not used yet has the time at which it was set.
      const isUsed = sinceUsed < sinceSet && sinceUsed < seconds * USER_HZ;
      if (!isUsed || !devices.has(entry.link) || tableOf(entry) === 'flood') return;
      found.add(valueIn(entry, this.#place.local.port));
    });
    found.delete(UNCLEAR);
    return [...found].map(values.vtep);
  }

  /** A container's port was made or changed: the bridge has its MAC there. */
  plumbed(port: Port): void {
    const before = this.#ports.get(port.name);
    this.#ports.set(port.name, port);
    if (before !== undefined && before.mac !== port.mac) this.#release(before);
    this.#networkOf(port)?.tables.bridge.set(keys.mac(port.mac), port.index);
  }

  /** A container's port is gone, and what the bridge had behind it. Throws a `KernelError`. */
  unplumbed(name: string): void {
    const port = this.#ports.get(name);
    if (port === undefined) return;
    this.#ports.delete(name);
    this.#release(port);
  }

  /** The MAC is no longer there: whoever else has it gets its frames. */
  #release({ mac, network: name }: Port): void {
    const network = this.#networkNamed(name);
    if (network === undefined) return;
    const { bridge } = network.tables;
    const port = this.#portsOf(network).find(other => other.mac === mac)?.index;
    const station = network.wanted.stations.find(other => other.mac === mac);
    const behind = port ?? (station && deviceTo(network.devices, station.vtep));
    if (behind === undefined) {
      bridge.delete(keys.mac(mac));
      return;
    }
    bridge.set(keys.mac(mac), behind);
    this.#place.route.run(setBridgeEntry(behind, mac));
  }

  /** In tunnels, hosts are told apart by the same bits as in the control network. */
  #senders(wanted: readonly NetworkForwarding[]): Senders {
    const { sending, local } = this.#place;
    const own = wanted.find(network => network.own !== undefined)?.own?.address.address;
    const sleeve = own === undefined ? TUNNEL_SUBNET.address : tunnelAddress(own);
    const usual = sending.kind === 'plain' ? local.address : sleeve;
    const before = this.#from as Senders | undefined;
    return before?.usual === usual && before.sleeve === sleeve ? before : { usual, sleeve };
  }

  #needsDevices(wanted: NetworkForwarding): boolean {
    const network = this.#networks.get(wanted.vni);
    if (network === undefined || !network.ensured || network.from !== this.#from) return true;
    const { kind } = this.#place.sending;
    const before = network.wanted;
    if (before.encrypted !== wanted.encrypted) return true;
    const isOpen = kind === 'plain' && !wanted.encrypted;
    if (isOpen && network.devices.plain === undefined && usesSleeve(wanted)) return true;
    const answers = (of: NetworkForwarding): string => JSON.stringify(answersOf(of));
    return before.mtu !== wanted.mtu || before.name !== wanted.name || answers(before) !== answers(wanted);
  }

  /** Takes over what an earlier router left, and removes what is not wanted or was left half-made. */
  #adopt(wanted: readonly NetworkForwarding[], links: Links): void {
    const vnis = new Set(wanted.map(network => network.vni));
    const { route } = this.#place;
    for (const link of links.values()) {
      const vni = vniOfBridge(link.name) ?? vniOfVxlan(link.name);
      const port = adoptPort(link);
      if (vni !== undefined && !vnis.has(vni)) route.run(deleteLink(link.index));
      else if (port === undefined && isPortName(link.name)) route.run(deleteLink(link.index));
      // What was plumbed before this first `apply` is known better.
      else if (port !== undefined && !this.#ports.has(port.name)) this.#ports.set(port.name, port);
    }
    this.#adopted = true;
  }

  #drop(vni: number): void {
    deleteDevices(this.#place, vni);
    this.#networks.delete(vni);
  }

  /** Brings the devices and ports to what is wanted; gives a sentence for each thing that was not as it should be. */
  #ensure(wanted: NetworkForwarding, links: Links): readonly string[] {
    const network = this.#networks.get(wanted.vni) ?? unknownNetwork(wanted);
    network.ensured = false;
    const { mended, rebuilt, ...devices } = ensureDevices(this.#place, wanted, links, this.#from);
    network.from = this.#from;
    renumber(network.tables.bridge, network.devices, devices);
    network.devices = devices;
    if (rebuilt) network.known = false;
    this.#networks.set(wanted.vni, network);
    for (const port of this.#portsOf(network)) {
      if (port.mtu !== wanted.mtu) this.#ports.set(port.name, setPortMtu(this.#place, port, wanted.mtu));
      if (rebuilt) this.#mendPort(port, links);
    }
    network.ensured = true;
    return mended;
  }

  #mendPort(port: Port, links: Links): readonly string[] {
    const network = this.#networkOf(port);
    const link = links.get(port.name);
    if (network === undefined || link === undefined) return [];
    const changed = mendPort(this.#place.route, port, link, network.devices.bridge);
    const { container } = port;
    return changed ? [`network ${port.network}: the port of ${container} had other settings; corrected`] : [];
  }

  /** Takes up what is wanted; where the kernel's tables are known, only what differs from before is sent. */
  async #update(wanted: NetworkForwarding): Promise<readonly KernelError[]> {
    const network = this.#networks.get(wanted.vni);
    // Its devices could not be made: that was reported, and is tried again by the next `apply`.
    if (network === undefined) return [];
    const before = network.wanted;
    network.wanted = wanted;
    const touched = network.known ? touchedBy(before.stations, wanted.stations) : undefined;
    if (touched === undefined) {
      const held = network.tables;
      network.tables = await wantedTables(wanted, network.devices, this.#macsOf(network));
      return network.known ? this.#send(network, await differences(held, network.tables)) : [];
    }
    const macs = new Map([...this.#macsOf(network)].filter(([mac]) => touched.macs.has(mac)));
    const part = await wantedTables(touchedPart(wanted, touched), network.devices, macs);
    const changes = await differences(touchedEntries(network.tables, touched), part);
    for (const { table, key, wanted: value } of changes) {
      if (value === undefined) network.tables[table].delete(key);
      else network.tables[table].set(key, value);
    }
    return this.#send(network, changes);
  }

  /** Reads the tables of some networks from the kernel, and mends them. */
  async #bring(which: (network: Network) => boolean): Promise<Mended> {
    const networks = [...this.#networks.values()].filter(which);
    if (networks.length === 0) return { sentences: [], refused: [] };
    const { route, local } = this.#place;
    const forwarding = await listForwarding(route);
    const neighbours = await listNeighbours(route);
    // Later than the tables: what is missing there of a port that is still here was taken away.
    this.#forgetLostPorts(await this.#links());
    const held = await sortTables({ forwarding, neighbours }, this.#bridgesOf(networks), local.port);
    const sentences: string[] = [];
    const refused: KernelError[] = [];
    for (const network of networks) {
      const changes = await differences(held.get(network.devices.bridge) ?? emptyTables(), network.tables);
      refused.push(...(await this.#send(network, changes)));
      for (const change of changes) sentences.push(describeChange(network.wanted.name, change));
    }
    return { sentences, refused };
  }

  /** Whether nothing has to be mended in any table. */
  #agrees(): Promise<boolean> {
    const networks = [...this.#networks.values()];
    const tables = new Map(networks.map(network => [network.devices.bridge, network.tables]));
    return agrees(this.#place.route, tables, this.#bridgesOf(networks), this.#place.local.port);
  }

  #bridgesOf(networks: readonly Network[]): ReadonlyMap<number, number> {
    const ports = networks.flatMap(network =>
      this.#portsOf(network).map(({ index }) => [index, network.devices.bridge] as const),
    );
    return bridgesOf(
      networks.map(({ devices }) => devices),
      new Map(ports),
    );
  }

  async #send(network: Network, changes: readonly Change[]): Promise<readonly KernelError[]> {
    const refused = await sendAll(this.#place.route, requestsFor(network.devices, changes));
    network.known = refused.length === 0;
    return refused;
  }

  #portsOf(network: Network): readonly Port[] {
    return [...this.#ports.values()].filter(port => port.network === network.wanted.name);
  }

  #macsOf(network: Network): ReadonlyMap<Mac, number> {
    return new Map(this.#portsOf(network).map(({ mac, index }) => [mac, index]));
  }

  #networkOf(port: Port): Network | undefined {
    return this.#networkNamed(port.network);
  }

  #networkNamed(name: string): Network | undefined {
    return [...this.#networks.values()].find(({ wanted }) => wanted.name === name);
  }

  /** A container that ended took its port along. */
  #forgetLostPorts(links: Links): void {
    for (const port of this.#ports.values()) {
      if (links.get(port.name)?.index !== port.index) this.unplumbed(port.name);
    }
  }

  async #links(): Promise<Links> {
    return new Map((await listLinks(this.#place.route)).map(link => [link.name, link]));
  }
}

/** What is behind a device that was made anew is behind the new one. */
function renumber(bridge: Map<number, number>, before: Devices, { vxlan, plain }: Devices): void {
  if (before.vxlan === vxlan && before.plain === plain) return;
  for (const [mac, port] of bridge) {
    if (port === before.vxlan && port !== plain) bridge.set(mac, vxlan);
    else if (port === before.plain && plain !== undefined) bridge.set(mac, plain);
  }
}

function unknownNetwork(wanted: NetworkForwarding): Network {
  const devices = { bridge: 0, vxlan: 0 };
  const nothing = { ...wanted, stations: [], flood: [] };
  return { wanted: nothing, devices, tables: emptyTables(), known: false, from: undefined, ensured: false };
}

/** Runs an action; a `KernelError` that it throws is added to `errors`. */
function collector(errors: KernelError[]): (action: () => unknown) => void {
  return action => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      errors.push(error);
    }
  };
}
