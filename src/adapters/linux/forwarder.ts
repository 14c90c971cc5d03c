import type { Mac } from '../../core/address.ts';
import type { NetworkForwarding } from '../../core/forwarding.ts';
import { KernelError } from './libc.ts';
import { isPortName, vniOfBridge, vniOfVxlan } from './names.ts';
import { sendAll } from './netlink/send-all.ts';
import { deleteDevices, ensureDevices } from './network-devices.ts';
import { adoptPort, mendPort, type Port, setPortMtu } from './plumbing.ts';
import { type Link, listLinks } from './rtnetlink/link-table.ts';
import { deleteLink } from './rtnetlink/links.ts';
import { listForwarding, listNeighbours, setBridgeEntry } from './rtnetlink/neighbours.ts';
import type { Switch } from './switch.ts';
import {
  type Devices,
  describeChange,
  differences,
  readTables,
  type Tables,
  wantedTables,
} from './tables.ts';

interface Network {
  readonly wanted: NetworkForwarding;
  readonly devices: Devices;
  /** What the kernel's tables hold; undefined where that has to be read first. */
  held: Tables | undefined;
}

type Links = ReadonlyMap<string, Link>;

/**
 * Networks of the switch: brings the kernel to what is wanted. Remembers what it holds, so that one change among many
 * entries costs one request; reads it at first, after a refusal, and in audits.
 */
export class Forwarder {
  readonly #place: Switch;
  /** By VNI. */
  readonly #networks = new Map<number, Network>();
  /** The containers' ports, by name. */
  readonly #ports = new Map<string, Port>();
  #adopted = false;

  constructor(place: Switch) {
    this.#place = place;
  }

  /** Gives what the kernel refused; all else was carried out. */
  async apply(wanted: readonly NetworkForwarding[]): Promise<readonly KernelError[]> {
    const changed = wanted.filter(network => this.#needsDevices(network));
    const links = !this.#adopted || changed.length > 0 ? await this.#links() : new Map<string, Link>();
    const errors: KernelError[] = [];
    const collect = collector(errors);
    if (!this.#adopted) collect(() => this.#adopt(wanted, links));
    for (const vni of this.#networks.keys()) {
      if (!wanted.some(network => network.vni === vni)) collect(() => this.#drop(vni));
    }
    for (const network of changed) collect(() => this.#ensure(network, links));
    await this.#read(false);
    for (const network of wanted) {
      const { refused } = await this.#bringTables(network);
      errors.push(...refused);
    }
    return errors;
  }

  /** Compares the kernel with what was applied last, and mends it. */
  async audit(): Promise<{ readonly mended: readonly string[]; readonly refused: readonly KernelError[] }> {
    const mended: string[] = [];
    const errors: KernelError[] = [];
    const collect = collector(errors);
    const links = await this.#links();
    for (const { wanted } of [...this.#networks.values()]) {
      collect(() => mended.push(...this.#ensure(wanted, links)));
    }
    for (const port of this.#ports.values()) collect(() => mended.push(...this.#mendPort(port, links)));
    await this.#read(true);
    for (const { wanted } of [...this.#networks.values()]) {
      const { sentences, refused } = await this.#bringTables(wanted);
      mended.push(...sentences);
      errors.push(...refused);
    }
    return { mended, refused: errors };
  }

  /** A container's port was made or changed: the bridge has its MAC there. */
  plumbed(port: Port): void {
    const before = this.#ports.get(port.name);
    this.#ports.set(port.name, port);
    const network = this.#networkOf(port);
    if (before !== undefined && before.mac !== port.mac) this.#release(before);
    network?.held?.bridge.set(port.mac, port.index);
  }

  /** A container's port is gone, and what the bridge had behind it. Throws a `KernelError`. */
  unplumbed(name: string): void {
    const port = this.#ports.get(name);
    if (port === undefined) return;
    this.#ports.delete(name);
    this.#release(port);
  }

  /** The MAC is no longer here: whoever has it elsewhere gets its frames. */
  #release(port: Port): void {
    const network = this.#networkOf(port);
    if (network?.held === undefined) return;
    network.held.bridge.delete(port.mac);
    if (!network.wanted.stations.some(({ mac }) => mac === port.mac)) return;
    this.#place.route.run(setBridgeEntry(network.devices.vxlan, port.mac));
    network.held.bridge.set(port.mac, network.devices.vxlan);
  }

  #needsDevices(wanted: NetworkForwarding): boolean {
    const network = this.#networks.get(wanted.vni);
    if (network?.held === undefined) return true;
    const { mtu, name, own } = network.wanted;
    return (
      mtu !== wanted.mtu ||
      name !== wanted.name ||
      own?.mac !== wanted.own?.mac ||
      own?.address.address !== wanted.own?.address.address ||
      own?.address.prefix !== wanted.own?.address.prefix
    );
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

  /** Gives a sentence for each thing that was not as it should be. */
  #ensure(wanted: NetworkForwarding, links: Links): readonly string[] {
    const before = this.#networks.get(wanted.vni);
    const { bridge, vxlan, mended, rebuilt } = ensureDevices(this.#place, wanted, links);
    const held = rebuilt ? undefined : before?.held;
    const network = { wanted, devices: { bridge, vxlan }, held };
    this.#networks.set(wanted.vni, network);
    for (const port of this.#portsOf(network)) {
      if (port.mtu !== wanted.mtu)
        this.#ports.set(port.name, setPortMtu(this.#place.route, port, wanted.mtu));
      if (rebuilt) this.#mendPort(port, links);
    }
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

  /** Reads the tables from the kernel: of all networks, or where what they hold isn't known. */
  async #read(all: boolean): Promise<void> {
    const networks = [...this.#networks.values()].filter(({ held }) => all || held === undefined);
    if (networks.length === 0) return;
    const { route, local } = this.#place;
    const forwarding = await listForwarding(route);
    const neighbours = await listNeighbours(route);
    // Later than the tables: what is missing there of a port that is still here was taken away.
    this.#forgetLostPorts(await this.#links());
    const ports = new Map<number, number>();
    for (const network of networks) {
      for (const { index } of this.#portsOf(network)) ports.set(index, network.devices.bridge);
    }
    const devices = networks.map(network => network.devices);
    const tables = readTables(devices, ports, forwarding, neighbours, local.port);
    for (const network of networks) network.held = tables.get(network.devices.bridge);
  }

  async #bringTables(
    wanted: NetworkForwarding,
  ): Promise<{ sentences: readonly string[]; refused: readonly KernelError[] }> {
    const network = this.#networks.get(wanted.vni);
    // Its devices could not be made: that was reported, and is tried again by the next `apply`.
    if (network?.held === undefined) return { sentences: [], refused: [] };
    const ports = new Map<Mac, number>(this.#portsOf(network).map(({ mac, index }) => [mac, index]));
    const tables = wantedTables(wanted, network.devices, ports);
    const changes = differences(network.devices, network.held, tables);
    const requests = changes.flatMap(change => change.requests);
    const refused = await sendAll(this.#place.route, requests);
    const held = refused.length === 0 ? tables : undefined;
    this.#networks.set(wanted.vni, { wanted, devices: network.devices, held });
    return { sentences: changes.map(change => describeChange(wanted.name, change)), refused };
  }

  #portsOf(network: Network): readonly Port[] {
    return [...this.#ports.values()].filter(port => port.network === network.wanted.name);
  }

  #networkOf(port: Port): Network | undefined {
    return [...this.#networks.values()].find(({ wanted }) => wanted.name === port.network);
  }

  /** A container that ended took its port along. */
  #forgetLostPorts(links: Links): void {
    for (const port of this.#ports.values()) {
      if (links.get(port.name)?.index !== port.index) this.#ports.delete(port.name);
    }
  }

  async #links(): Promise<Links> {
    return new Map((await listLinks(this.#place.route)).map(link => [link.name, link]));
  }
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
