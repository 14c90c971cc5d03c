import { switchPath } from '../adapters/linux/dataplane.ts';
import { findAddresses } from '../adapters/linux/host-view.ts';
import { DNS_PORT } from '../api/control/dns-options.ts';
import type { Settings } from '../api/control/options.ts';
import { createNameServer } from '../api/dns/name-server.ts';
import { type Cidr, parseCidr } from '../core/address.ts';
import { ok, type Problem, type Result } from '../core/errors.ts';
import type { Forwarding } from '../core/forwarding.ts';
import type { NameRecord } from '../core/names/view.ts';
import type { Log } from '../ports/log.ts';
import type { ListenPlace, Membership, NameServer, NameServerReport } from '../ports/name-server.ts';
import { threadProgram } from './threads.ts';

/** An engine may come, or change its bridge, after the router. */
const LOOK_MS = 1_000;
const DOCKER_BRIDGE = 'docker0';
/** How engines call the bridges of the networks that users make. */
const BRIDGES = /^(docker0|docker_gwbridge|br-[\da-f]{12})$/;
const ANYWHERE: Cidr = parseCidr('0.0.0.0/0')!;
const LOOPBACK: Cidr = parseCidr('127.0.0.0/8')!;

/** Where a network's containers ask. */
type Service = Pick<ListenPlace, 'address'> & { readonly network: string };

export interface NamesReport extends NameServerReport {
  /** Why it does not listen where it should. */
  readonly trouble: Problem | undefined;
}

/** Names as this host answers for them: on the Docker bridge, and in the switch at the service address of each network. */
export interface Names {
  /** Listens where the host's own containers ask; refuses as `NameServer.listen` does. */
  start(): Promise<Result<void>>;
  publish(records: readonly NameRecord[]): void;
  /** What the disk had has been published: questions are answered from now on. */
  open(): void;
  /** These are all containers here that are on several networks. */
  belong(memberships: readonly Membership[]): void;
  /** The kernel has been brought to this: there may be other service addresses. */
  forwarded(forwarding: Forwarding): void;
  /** Undefined where this router answers no questions. */
  report(): Promise<NamesReport | undefined>;
  stop(): Promise<void>;
}

export function createNames(settings: Settings, log: Log): Names {
  return settings.dns ? new ServedNames(settings, log) : SILENT;
}

const SILENT: Names = {
  start: async () => ok(undefined),
  publish: () => {},
  open: () => {},
  belong: () => {},
  forwarded: () => {},
  report: async () => undefined,
  stop: async () => {},
};

class ServedNames implements Names {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #server: NameServer;
  #services: readonly Service[] = [];
  #listening = '';
  #trouble: Problem | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: Settings, log: Log) {
    this.#settings = settings;
    this.#log = log;
    const { dnsDomain: zone, dnsTtl: ttl, resolvConf } = settings;
    this.#server = createNameServer({ program: threadProgram('dns-thread'), zone, ttl, resolvConf, log });
  }

  async start(): Promise<Result<void>> {
    this.#timer = setInterval(() => void this.#listen(), LOOK_MS);
    return this.#listen();
  }

  publish(records: readonly NameRecord[]): void {
    this.#server.publish(records);
  }

  open(): void {
    this.#server.open();
  }

  belong(memberships: readonly Membership[]): void {
    this.#server.belong(memberships);
  }

  forwarded({ networks }: Forwarding): void {
    const services = networks.flatMap(
      ({ name: network, service }) => service?.addresses.map(({ address }) => ({ network, address })) ?? [],
    );
    if (JSON.stringify(services) === JSON.stringify(this.#services)) return;
    this.#services = services;
    void this.#listen();
  }

  async report(): Promise<NamesReport> {
    return { ...(await this.#server.report()), trouble: this.#trouble };
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
    await this.#server.close();
  }

  /** One after the other: what was listened on last is what was wanted last. */
  #listen(): Promise<Result<void>> {
    const turn = this.#turn.then(() => this.#listenNow());
    this.#turn = turn;
    return turn;
  }

  async #listenNow(): Promise<Result<void>> {
    const inSwitch = this.#inSwitch();
    const places = [...(await this.#onHost()), ...inSwitch];
    const wanted = JSON.stringify(places);
    if (wanted === this.#listening) return ok(undefined);
    const result = await this.#server.listen(places);
    if (result.ok) this.#listening = wanted;
    // What others have on the host is no reason to be silent in the switch.
    else await this.#server.listen(inSwitch);
    const trouble = result.ok ? undefined : result.problem;
    if (trouble !== undefined && trouble.code !== this.#trouble?.code)
      this.#log.warn('no DNS where it should be; it is tried again', trouble);
    this.#trouble = trouble;
    return result;
  }

  async #onHost(): Promise<readonly ListenPlace[]> {
    const { dnsListen } = this.#settings;
    const interfaces = await findAddresses();
    const bridge = interfaces.find(({ device }) => device === DOCKER_BRIDGE)?.cidr.address;
    const place = dnsListen ?? (bridge && { address: bridge, port: DNS_PORT });
    if (place === undefined) return [];
    const bridges = interfaces.filter(({ device }) => BRIDGES.test(device)).map(({ cidr }) => cidr);
    const own = interfaces.map(({ cidr }) => ({ address: cidr.address, prefix: 32 }));
    return [{ ...place, namespace: undefined, network: undefined, allowed: [LOOPBACK, ...bridges, ...own] }];
  }

  /** Only what is on the network can send there. */
  #inSwitch(): readonly ListenPlace[] {
    const namespace = switchPath(this.#settings.runDir);
    return this.#services.map(service => ({ ...service, port: DNS_PORT, namespace, allowed: [ANYWHERE] }));
  }
}
