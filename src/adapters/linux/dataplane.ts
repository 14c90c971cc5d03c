import { join } from 'node:path';
import type { Ipv4, Vtep } from '../../core/address.ts';
import { HOST_LEG } from '../../core/endpoints/attachment.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import {
  type Forwarding,
  type NetworkForwarding,
  type Sleeve,
  tunnelAddress,
} from '../../core/forwarding.ts';
import type { Attachment, Dataplane, Started } from '../../ports/dataplane.ts';
import type { Log } from '../../ports/log.ts';
import type { TunnelKeys } from '../../ports/tunnel-keys.ts';
import { type AllCounters, createFirewall, type KernelFirewall } from './firewall/firewall.ts';
import type { Control } from './firewall/ruleset.ts';
import { Forwarder } from './forwarder.ts';
import { handOver } from './handover.ts';
import { createHostLeg, type HostLeg, isLeg } from './host-leg.ts';
import { inspectSwitch } from './inspection.ts';
import { attempt, problemOf } from './kernel-problem.ts';
import { KernelError } from './libc.ts';
import { portName } from './names.ts';
import { usesSleeve } from './network-devices.ts';
import type { InSwitch, Prober } from './parts.ts';
import { type Port, plumb, unplumb } from './plumbing.ts';
import { createProber } from './probe.ts';
import { listLinks } from './rtnetlink/link-table.ts';
import { isLacking, type SleeveOptions, SleevePath } from './sleeve/sleeve.ts';
import { deleteSwitch, openSwitch, PLAIN, type Sending, type Switch } from './switch.ts';
import { Tunnels } from './wireguard/tunnels.ts';

export interface LinuxDataplaneOptions {
  /** Folder for what ends with the machine, e.g. `/run/mesh`; the switch is pinned in it. */
  readonly runDir: string;
  readonly log: Log;
  /** Leads to the namespace of the host; unless given, that is where this process is. */
  readonly inHost?: InSwitch;
  /** The port of routers is kept from what comes in by the host's own leg. */
  readonly control?: Control;
  /** Given where what is sent has to be encrypted. */
  readonly tunnels?: TunnelOptions;
  /** Given where the router carries frames that can go no other way. */
  readonly sleeve?: SleeveOptions;
}

export interface TunnelOptions {
  readonly keys: TunnelKeys;
  /** UDP, on the underlay. */
  readonly port: number;
  /** Subnets to whose hosts frames may go as they are, where those say the same; the port is another one then. */
  readonly trusts: readonly string[];
  /** Called when the kernel, which could encrypt, can't any more, and when it can again. */
  readonly changed: (works: boolean) => void;
}

export interface LinuxDataplane extends Dataplane {
  /** Packets dropped by the rules. */
  counters(): AllCounters;
}

function sendingBy({ tunnels, sleeve }: LinuxDataplaneOptions): Sending {
  if (sleeve?.only) return { kind: 'tunnels', trusts: '' };
  if (tunnels === undefined) return PLAIN;
  const trusts = tunnels.trusts.join();
  return { kind: trusts === '' ? 'tunnels' : 'both', trusts };
}

/** Refuses with `port-in-use`. Throws a `KernelError`. */
function openTunnels(place: Switch, { keys, port }: TunnelOptions): Result<Tunnels> {
  const tunnels = new Tunnels(place, keys, port);
  try {
    tunnels.open();
    return ok(tunnels);
  } catch (error) {
    tunnels.close();
    if (!(error instanceof KernelError) || error.code !== 'EADDRINUSE') throw error;
    return refuse({ code: 'port-in-use', port, protocol: 'udp' });
  }
}

interface Running {
  readonly place: Switch;
  readonly forwarder: Forwarder;
  readonly prober: Prober;
  readonly tunnels: Tunnels | undefined;
  sleeve: SleevePath | undefined;
  /** As they were applied last. */
  sleeves: readonly Sleeve[];
  usesSleeve: boolean;
  /** The largest packet of any container, as it was applied last. */
  mtu: number;
  peers: readonly Ipv4[];
  /** The control network as it was applied last. */
  control: NetworkForwarding | undefined;
}

interface Prepared {
  readonly prober: Prober;
  readonly tunnels: Tunnels | undefined;
  readonly sleeve: SleevePath | undefined;
  readonly relays: boolean;
}

const TRAFFIC_SECONDS = 60;

/** Where the switch is pinned. */
export const switchPath = (runDir: string): string => join(runDir, 'switch');

/** The data plane of this host: VXLAN devices and bridges in a namespace of their own, by netlink. */
export function createLinuxDataplane(options: LinuxDataplaneOptions): LinuxDataplane {
  const { control, runDir, log, inHost = action => action() } = options;
  const firewall = createFirewall({ log, inHost, control });
  const leg = createHostLeg({ firewall, inHost, log, note: join(runDir, 'forwarding') });
  return new KernelDataplane(switchPath(runDir), firewall, leg, inHost, options);
}

class KernelDataplane implements LinuxDataplane {
  readonly #path: string;
  readonly #firewall: KernelFirewall;
  readonly #leg: HostLeg;
  readonly #log: Log;
  readonly #inHost: InSwitch;
  readonly #options: LinuxDataplaneOptions;
  #running: Running | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    path: string,
    firewall: KernelFirewall,
    leg: HostLeg,
    inHost: InSwitch,
    options: LinuxDataplaneOptions,
  ) {
    this.#path = path;
    this.#firewall = firewall;
    this.#leg = leg;
    this.#log = options.log;
    this.#inHost = inHost;
    this.#options = options;
  }

  start(local: Vtep): Promise<Result<Started>> {
    return this.#inOrder(async () => {
      await this.#close();
      const opened = await openSwitch(this.#path, local, this.#inHost, sendingBy(this.#options));
      if (!opened.ok) return opened;
      const place = opened.value;
      const prepared = await attempt(() => this.#prepare(place));
      if (!prepared.ok) {
        place.close();
        if (place.fresh) await this.#removeAll();
        return prepared;
      }
      const { relays, ...parts } = prepared.value;
      this.#running = {
        ...parts,
        place,
        forwarder: new Forwarder(place),
        sleeves: [],
        usesSleeve: false,
        mtu: 0,
        peers: [],
        control: undefined,
      };
      const works = parts.tunnels?.works;
      const { sleeve } = parts;
      return ok({
        underlayMtu: place.underlayMtu,
        relays,
        ...(works !== undefined && { tunnels: works }),
        ...(sleeve && { sleeve: { whole: sleeve.canBeWhole } }),
      });
    });
  }

  apply(wanted: Forwarding): Promise<Result<void>> {
    return this.#inOrder(async () => {
      const running = this.#started();
      return attempt(async () => {
        this.#firewall.setPeers(wanted.peers);
        this.#firewall.setServices(wanted.networks.flatMap(({ service }) => service ?? []));
        this.#firewall.setRelays(wanted.relays ?? []);
        running.peers = wanted.peers;
        running.control = wanted.networks.find(({ own }) => own !== undefined);
        const control = running.control?.own?.address.address;
        running.tunnels?.apply(control && tunnelAddress(control), wanted.tunnels ?? []);
        running.sleeves = wanted.sleeves ?? [];
        running.usesSleeve = wanted.networks.some(usesSleeve);
        running.mtu = Math.max(0, ...wanted.networks.flatMap(({ own, mtu }) => (own ? [] : [mtu])));
        this.#bringSleeve(running);
        const [refused, ...more] = await running.forwarder.apply(wanted.networks);
        if (refused === undefined) return ok(undefined);
        for (const error of more) this.#log.warn('the kernel refused', problemOf(error));
        return refuse(problemOf(refused));
      });
    });
  }

  audit(): Promise<readonly string[]> {
    return this.#inOrder(async () => {
      const { forwarder, tunnels } = this.#started();
      try {
        const mended = [...this.#auditTunnels(tunnels), ...(await this.#auditSleeve(this.#started()))];
        const { sentences, refused } = await forwarder.audit();
        for (const error of refused) this.#log.warn('could not be mended', problemOf(error));
        return [...mended, ...sentences, ...(await this.#firewall.audit()), ...(await this.#leg.audit())];
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        this.#log.warn('the audit was broken off', problemOf(error));
        return [];
      }
    });
  }

  plumb(attachment: Attachment): Promise<Result<void>> {
    return this.#inOrder(() =>
      attempt(async () => {
        const { place, forwarder } = this.#started();
        const result = await this.#plumb(place, attachment);
        if (result.ok) forwarder.plumbed(result.value);
        else forwarder.unplumbed(portName(attachment.network, attachment.container));
        return result.ok ? ok(undefined) : result;
      }),
    );
  }

  unplumb(network: string, container: string): Promise<void> {
    return this.#inOrder(async () => {
      const { place, forwarder } = this.#started();
      try {
        unplumb(place.route, this.#firewall, network, container);
        if (container === HOST_LEG) await this.#leg.lower();
        forwarder.unplumbed(portName(network, container));
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        this.#log.warn('a container could not be unplumbed', { container, ...problemOf(error) });
      }
    });
  }

  inspect(): ReturnType<Dataplane['inspect']> {
    return this.#inOrder(() => {
      const { place, peers, tunnels } = this.#started();
      return inspectSwitch(place, peers, this.#firewall.services(), this.#firewall.relays(), tunnels?.held());
    });
  }

  probe(address: Ipv4, size: number, via?: Vtep): ReturnType<Dataplane['probe']> {
    const { control, prober } = this.#started();
    if (via === undefined) return prober.probe(address, size);
    const station = control?.stations.find(other => other.address === address);
    if (control?.own === undefined || station === undefined)
      return Promise.resolve({ alive: false, rttMs: 0 });
    const { address: own, mac } = control.own;
    const from = { address: own.address, mac };
    return prober.probe(address, size, { via, vni: control.vni, from, to: station.mac });
  }

  traffic(): Promise<readonly Vtep[]> {
    return this.#inOrder(async () => {
      const used = await attempt(async () => ok(await this.#started().forwarder.used(TRAFFIC_SECONDS)));
      return used.ok ? used.value : [];
    });
  }

  counters(): AllCounters {
    const { strangers = 0, forged = 0 } = this.#running?.sleeve?.counts() ?? {};
    const counted = this.#firewall.counters();
    return { ...counted, strangers: counted.strangers + strangers, forged };
  }

  close(): Promise<void> {
    return this.#inOrder(() => this.#close());
  }

  remove(): Promise<void> {
    return this.#inOrder(async () => {
      await this.#close();
      await this.#removeAll();
    });
  }

  async #prepare(place: Switch): Promise<Result<Prepared>> {
    const host = await this.#firewall.guardHost(place.local);
    if (!host.ok) return host;
    const guarded = await this.#firewall.guardSwitch(place.namespace.inside, place.local.port);
    // One that was taken out while no router ran, or is what a killed router had only begun with.
    if (guarded.ok && !(await listLinks(place.route)).some(isLeg)) await this.#leg.lower();
    if (!guarded.ok) return guarded;
    const prober = createProber(place.namespace.inside, { inHost: this.#inHost, local: place.local.address });
    const { relays } = host.value;
    const sleeve = this.#openSleeve(place);
    if (!sleeve.ok) prober.close();
    if (!sleeve.ok) return sleeve;
    const parts = { prober, sleeve: sleeve.value, relays };
    const { tunnels: options } = this.#options;
    if (options === undefined) return ok({ ...parts, tunnels: undefined });
    const tunnels = openTunnels(place, options);
    if (!tunnels.ok) prober.close();
    if (!tunnels.ok) await sleeve.value?.close();
    return tunnels.ok ? ok({ ...parts, tunnels: tunnels.value }) : tunnels;
  }

  /** Undefined where there can be none, and other ways will do. Refuses with `port-in-use`, `kernel-lacks`. */
  #openSleeve(place: Switch): Result<SleevePath | undefined> {
    const { sleeve, log } = this.#options;
    if (sleeve === undefined) return ok(undefined);
    const { only, port } = sleeve;
    try {
      return ok(new SleevePath(place, this.#inHost, sleeve, log.child('sleeve')));
    } catch (error) {
      const isTaken = error instanceof KernelError && error.code === 'EADDRINUSE';
      if (!isTaken && !isLacking(error)) throw error;
      if (only && isTaken) return refuse({ code: 'port-in-use', port, protocol: 'udp' });
      if (only) return refuse({ code: 'kernel-lacks', feature: 'TUN (or /dev/net/tun is not there)' });
      log.warn('frames can not go through this router where other ways fail', problemOf(error));
      return ok(undefined);
    }
  }

  #bringSleeve(running: Running): void {
    const { control, sleeve, sleeves } = running;
    const own = control?.own?.address.address;
    sleeve?.apply({ control: own, sleeves, isUsed: running.usesSleeve, mtu: running.mtu });
  }

  async #auditSleeve(running: Running): Promise<readonly string[]> {
    const { place, sleeve } = running;
    if (sleeve === undefined) return [];
    if (!sleeve.isGone()) return sleeve.audit();
    await sleeve.close();
    running.sleeve = undefined;
    const opened = this.#openSleeve(place);
    if (!opened.ok) return [];
    running.sleeve = opened.value;
    this.#bringSleeve(running);
    return ['the way through the router was missing; restored'];
  }

  #auditTunnels(tunnels: Tunnels | undefined): readonly string[] {
    if (tunnels === undefined) return [];
    const worked = tunnels.works;
    const mended = tunnels.audit();
    if (tunnels.works !== worked) this.#options.tunnels?.changed(tunnels.works);
    return mended;
  }

  async #plumb(place: Switch, attachment: Attachment): Promise<Result<Port>> {
    if (attachment.container === HOST_LEG) return this.#plumbHost(place, attachment);
    return attachment.handed === undefined
      ? plumb(place, this.#firewall, attachment)
      : handOver(place, this.#firewall, attachment);
  }

  async #plumbHost(place: Switch, attachment: Attachment): Promise<Result<Port>> {
    const { network, container } = attachment;
    const checked = await this.#leg.check(place, attachment);
    const plumbed = checked.ok ? await plumb(place, this.#firewall, attachment) : checked;
    const raised = plumbed.ok ? await this.#leg.raise(attachment) : plumbed;
    if (raised.ok) return plumbed;
    unplumb(place.route, this.#firewall, network, container);
    await this.#leg.lower();
    return raised;
  }

  #started(): Running {
    if (this.#running === undefined) throw new Error('the data plane has not been started');
    return this.#running;
  }

  async #close(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.prober.close();
    running?.tunnels?.close();
    await running?.sleeve?.close();
    running?.place.close();
    this.#firewall.close();
  }

  async #removeAll(): Promise<void> {
    await this.#leg.lower();
    await this.#firewall.remove();
    await deleteSwitch(this.#path);
  }

  /** Calls wait for those before: the sockets and what is remembered of the kernel serve one at a time. */
  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
