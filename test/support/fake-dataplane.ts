import {
  type Cidr,
  compare,
  contains,
  formatCidr,
  type Ipv4,
  type Mac,
  type Vtep,
} from '../../src/core/address.ts';
import { HOST_SANDBOX } from '../../src/core/endpoints/attachment.ts';
import { ok, type Problem, type Result, refuse } from '../../src/core/errors.ts';
import type { Forwarding, NetworkForwarding, Station } from '../../src/core/forwarding.ts';
import type { Service } from '../../src/core/networks/network.ts';
import type {
  Attachment,
  Dataplane,
  Inspection,
  Plumbed,
  Probe,
  Started,
} from '../../src/ports/dataplane.ts';

/** Hosts whose kernels are data: what a data plane does to one can be read, and where frames would go asked. */

export interface FakeInterface {
  readonly mac: Mac;
  readonly mtu: number;
  readonly addresses: readonly Cidr[];
  /** Undefined for an interface that is none of ours. */
  readonly attachment: Attachment | undefined;
}

export interface FakeNetwork {
  readonly name: string;
  readonly vni: number;
  /** Stays while the network does, whichever data plane looks after it. */
  readonly index: number;
  mtu: number;
  own: NetworkForwarding['own'];
  service: Service | undefined;
  stations: Map<Ipv4, Station>;
  flood: Map<string, Vtep>;
}

const keyOf = (vtep: Vtep): string => `${vtep.address}:${vtep.port}`;
const VXLAN_OVERHEAD = 50;

/** What joins the hosts. Sandboxes are shared by all, as paths are on one machine. */
export class FakeUnderlay {
  readonly hosts: FakeHost[] = [];
  /** By path; in each, the interfaces by name. */
  readonly sandboxes = new Map<string, Map<string, FakeInterface>>();

  addHost(vtep: Vtep, mtu = 1500): FakeHost {
    const host = new FakeHost(this, vtep, mtu);
    this.addSandbox(host.own);
    this.hosts.push(host);
    return host;
  }

  addSandbox(path: string): void {
    this.sandboxes.set(path, new Map());
  }

  /** The container ended: its interfaces go, and with them the ports that they were connected to. */
  removeSandbox(path: string): void {
    this.sandboxes.delete(path);
    for (const { ports } of this.hosts) {
      for (const [key, { sandbox }] of ports) if (sandbox === path) ports.delete(key);
    }
  }

  /** Whether an echo of `size` bytes from a sandbox to `address`, and the answer, would arrive. */
  reaches(sandbox: string, address: Ipv4, size = 84): boolean {
    return this.hosts.some(host =>
      [...host.ports.values()].some(
        port =>
          port.sandbox === sandbox &&
          port.addresses.some(own => {
            if (host.serves(port, address, size)) return true;
            const there = this.#find(host, port, address, size);
            return (
              there !== undefined && this.#find(there.host, there.port, own.address, size)?.port === port
            );
          }),
      ),
    );
  }

  #find(
    from: FakeHost,
    port: Attachment,
    address: Ipv4,
    size: number,
  ): { host: FakeHost; port: Attachment } | undefined {
    const network = from.networks.get(port.vni);
    if (network === undefined || size > network.mtu || size > port.mtu) return undefined;
    const local = from.portOf(port.vni, address);
    if (local !== undefined) return { host: from, port: local };
    const station = network.stations.get(address);
    if (station !== undefined) from.used.set(keyOf(station.vtep), station.vtep);
    const vteps = station === undefined ? [...network.flood.values()] : [station.vtep];
    for (const vtep of vteps) {
      const host = this.hosts.find(each => keyOf(each.vtep) === keyOf(vtep) && each.hears(from, port.vni));
      const found = host?.portOf(port.vni, address);
      if (host === undefined || found === undefined || size + VXLAN_OVERHEAD > host.underlayMtu) continue;
      if (station === undefined || station.mac === found.mac) return { host, port: found };
    }
    return undefined;
  }
}

/** One host's kernel: it stays when a data plane is closed. */
export class FakeHost {
  readonly underlay: FakeUnderlay;
  readonly vtep: Vtep;
  readonly underlayMtu: number;
  readonly networks = new Map<number, FakeNetwork>();
  /** By network and container. */
  readonly ports = new Map<string, Attachment>();
  /** UDP ports that somebody else has. */
  readonly portsInUse = new Set<number>();
  peers: readonly Ipv4[] = [];
  /** Where frames of containers went. */
  readonly used = new Map<string, Vtep>();
  /** The sandbox that stands for the host's own namespace. */
  readonly own: string;
  /** What the next `apply` or `plumb` is refused with. */
  refuseNext: Problem | undefined;
  #indexes = 1;

  constructor(underlay: FakeUnderlay, vtep: Vtep, underlayMtu: number) {
    this.underlay = underlay;
    this.vtep = vtep;
    this.own = `host ${keyOf(vtep)}`;
    this.underlayMtu = underlayMtu;
  }

  /** A data plane as a router that was just started has it. */
  open(): Dataplane {
    return new FakeDataplane(this);
  }

  newIndex(): number {
    this.#indexes += 1;
    return this.#indexes;
  }

  portOf(vni: number, address: Ipv4): Attachment | undefined {
    return [...this.ports.values()].find(
      port => port.vni === vni && port.addresses.some(own => own.address === address),
    );
  }

  /** Whether the kernel itself answers for `address` on that port's network. */
  serves({ vni, mtu }: Attachment, address: Ipv4, size: number): boolean {
    const network = this.networks.get(vni);
    if (network === undefined || size > Math.min(mtu, network.mtu)) return false;
    return network.service?.addresses.some(cidr => cidr.address === address) ?? false;
  }

  /** What an engine does with the end of an endpoint that waits for it. */
  take(device: string, sandbox: string, name: string, addresses: readonly Cidr[]): void {
    const waiting = this.underlay.sandboxes.get(this.own);
    const found = waiting?.get(device);
    const entry = [...this.ports].find(([, port]) => port.device === device);
    if (found?.attachment === undefined || entry === undefined) throw new Error(`nothing waits as ${device}`);
    const [key, port] = entry;
    const attachment = { ...port, sandbox, device: name, addresses };
    waiting!.delete(device);
    this.ports.set(key, attachment);
    this.underlay.sandboxes.get(sandbox)!.set(name, { ...found, addresses, attachment });
  }

  /** Whether frames of that network from another host come in here. */
  hears(from: FakeHost, vni: number): boolean {
    return this.networks.has(vni) && this.peers.includes(from.vtep.address);
  }

  takeRefusal(): Problem | undefined {
    const problem = this.refuseNext;
    this.refuseNext = undefined;
    return problem;
  }
}

class FakeDataplane implements Dataplane {
  readonly #host: FakeHost;
  #wanted: Forwarding | undefined;
  #started = false;

  constructor(host: FakeHost) {
    this.#host = host;
  }

  async start(local: Vtep): Promise<Result<Started>> {
    const { vtep, portsInUse, underlayMtu } = this.#host;
    if (local.address !== vtep.address) return refuse({ code: 'no-such-host-address', value: local.address });
    if (portsInUse.has(local.port)) return refuse({ code: 'port-in-use', port: local.port, protocol: 'udp' });
    this.#started = true;
    return ok({ underlayMtu, relays: false });
  }

  async apply(wanted: Forwarding): Promise<Result<void>> {
    this.#check();
    const problem = this.#host.takeRefusal();
    if (problem !== undefined) return refuse(problem);
    this.#wanted = wanted;
    this.#mend(wanted);
    return ok(undefined);
  }

  async audit(): Promise<readonly string[]> {
    this.#check();
    return this.#wanted === undefined ? [] : this.#mend(this.#wanted);
  }

  async plumb(attachment: Attachment): Promise<Result<void>> {
    this.#check();
    const { sandbox } = attachment;
    const isHost = sandbox === HOST_SANDBOX;
    const result = this.#tryPlumb({
      ...this.#handed(attachment),
      ...(isHost && { sandbox: this.#host.own }),
    });
    if (!result.ok) await this.unplumb(attachment.network, attachment.container);
    return result;
  }

  async unplumb(network: string, container: string): Promise<void> {
    this.#check();
    const key = `${network}/${container}`;
    const port = this.#host.ports.get(key);
    if (port === undefined) return;
    this.#host.ports.delete(key);
    this.#host.underlay.sandboxes.get(port.sandbox)?.delete(port.device);
  }

  async inspect(): Promise<Inspection> {
    this.#check();
    const networks = [...this.#host.networks.values()].map(
      ({ name, vni, mtu, own, service, stations, flood }): NetworkForwarding => ({
        name,
        vni,
        mtu,
        own,
        ...(service && { service }),
        stations: [...stations.values()].sort((a, b) => compare(a.address, b.address)),
        flood: [...flood].sort(([a], [b]) => compare(a, b)).map(([, vtep]) => vtep),
      }),
    );
    const attachments = [...this.#host.ports.values()].map(
      ({ network, container, mac }): Plumbed => ({ network, container, mac }),
    );
    return {
      forwarding: { peers: this.#host.peers, networks: networks.sort((a, b) => a.vni - b.vni) },
      attachments: attachments.sort((a, b) => compare(a.container, b.container)),
    };
  }

  async probe(address: Ipv4, size: number, via?: Vtep): Promise<Probe> {
    this.#check();
    const { underlay, networks, underlayMtu } = this.#host;
    const alive = [...networks.values()].some(({ vni, own, mtu, stations }) => {
      const station = stations.get(address);
      if (own === undefined || station === undefined || size > mtu) return false;
      if (size + VXLAN_OVERHEAD > underlayMtu) return false;
      const there = underlay.hosts.find(host => keyOf(host.vtep) === keyOf(via ?? station.vtep));
      return there?.hears(this.#host, vni) && there.networks.get(vni)?.own?.address.address === address;
    });
    return { alive, rttMs: alive ? 0.1 : 0 };
  }

  async traffic(): Promise<readonly Vtep[]> {
    this.#check();
    return [...this.#host.used.values()];
  }

  async close(): Promise<void> {
    this.#started = false;
  }

  async remove(): Promise<void> {
    const { ports, networks, underlay } = this.#host;
    for (const { sandbox, device } of ports.values()) underlay.sandboxes.get(sandbox)?.delete(device);
    ports.clear();
    networks.clear();
    this.#host.peers = [];
    this.#started = false;
  }

  /** What waits for an engine has no addresses until that takes it. */
  #handed(attachment: Attachment): Attachment {
    return attachment.handed === undefined ? attachment : { ...attachment, addresses: [] };
  }

  #tryPlumb(attachment: Attachment): Result<void> {
    const taken = this.#host.ports.get(`${attachment.network}/${attachment.container}`);
    if (taken?.handed !== undefined && taken.sandbox !== this.#host.own) return ok(undefined);
    const { network, container, sandbox, device, mac, mtu, addresses, vni } = attachment;
    const { underlay, ports, networks } = this.#host;
    const problem = this.#host.takeRefusal();
    if (problem !== undefined) return refuse(problem);
    const interfaces = underlay.sandboxes.get(sandbox);
    if (interfaces === undefined) return refuse({ code: 'container-gone', container });
    if (!networks.has(vni)) {
      return refuse({ code: 'kernel-refused', what: `attach ${container}`, why: `no network ${network}` });
    }
    const found = interfaces.get(device);
    const before = ports.get(`${network}/${container}`);
    if (sandbox === this.#host.own && this.#clashes(attachment)) {
      const [first] = addresses;
      return refuse({
        code: 'host-subnet-taken',
        value: first === undefined ? '' : formatCidr(first),
        other: `${this.#host.vtep.address}/24 (eth0)`,
      });
    }
    if (found !== undefined && (before === undefined || found.attachment !== before)) {
      return refuse(
        sandbox === this.#host.own
          ? { code: 'host-interface-taken', name: device }
          : { code: 'interface-taken', container, name: device },
      );
    }
    if (before !== undefined) underlay.sandboxes.get(before.sandbox)?.delete(before.device);
    ports.set(`${network}/${container}`, attachment);
    interfaces.set(device, { mac, mtu, addresses, attachment });
    return ok(undefined);
  }

  /** Whether an address lies where the underlay's addresses are. */
  #clashes({ addresses }: Attachment): boolean {
    return addresses.some(own => contains({ address: this.#host.vtep.address, prefix: 24 }, own.address));
  }

  /** Brings the kernel to `wanted`; gives a sentence for each thing that it was not. */
  #mend({ peers, networks }: Forwarding): readonly string[] {
    const host = this.#host;
    const mended: string[] = [];
    host.peers = peers;
    for (const vni of host.networks.keys()) {
      if (!networks.some(network => network.vni === vni)) host.networks.delete(vni);
    }
    for (const wanted of networks) mended.push(...this.#mendNetwork(wanted));
    return mended;
  }

  #mendNetwork({ name, vni, mtu, own, service, stations, flood }: NetworkForwarding): readonly string[] {
    const before = this.#host.networks.get(vni);
    const mended: string[] = before === undefined ? [`network ${name} was missing`] : [];
    const wanted = {
      stations: new Map(stations.map(station => [station.address, station])),
      flood: new Map(flood.map(vtep => [keyOf(vtep), vtep])),
    };
    for (const table of ['stations', 'flood'] as const) {
      const found: ReadonlyMap<string, unknown> = before?.[table] ?? new Map();
      for (const key of new Set([...found.keys(), ...wanted[table].keys()])) {
        const right = JSON.stringify((wanted[table] as ReadonlyMap<string, unknown>).get(key));
        if (JSON.stringify(found.get(key)) !== right) mended.push(`network ${name}: ${key} was wrong`);
      }
    }
    const index = before?.index ?? this.#host.newIndex();
    this.#host.networks.set(vni, { name, vni, index, mtu, own, service, ...wanted });
    this.#setMtu(name, mtu);
    return mended;
  }

  #setMtu(network: string, mtu: number): void {
    const { ports, underlay } = this.#host;
    for (const [key, port] of ports) {
      if (port.network !== network || port.mtu === mtu) continue;
      const attachment = { ...port, mtu };
      ports.set(key, attachment);
      const { mac, addresses, sandbox, device } = attachment;
      underlay.sandboxes.get(sandbox)?.set(device, { mac, mtu, addresses, attachment });
    }
  }

  #check(): void {
    if (!this.#started) throw new Error('the data plane has not been started');
  }
}
