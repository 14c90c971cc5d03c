import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createDockerRuntime } from '../adapters/docker/runtime.ts';
import { fileProblem } from '../adapters/file/problems.ts';
import { createFileStore } from '../adapters/file/store.ts';
import { createVerifier, type Identity } from '../adapters/libp2p/identity.ts';
import { createLibp2pTransport } from '../adapters/libp2p/transport.ts';
import { createBareNamespaces } from '../adapters/linux/bare-namespaces.ts';
import { createLinuxDataplane, type LinuxDataplane, switchPath } from '../adapters/linux/dataplane.ts';
import type { ControlHandlers, Health } from '../api/control/contract.ts';
import type { Settings } from '../api/control/options.ts';
import { createControlServer } from '../api/control/server.ts';
import { controlSocket } from '../api/control/settings.ts';
import { version } from '../api/control/version.ts';
import type { Vtep } from '../core/address.ts';
import { ok, type Problem, type Result, refuse } from '../core/errors.ts';
import type { Command, Effect, HostConfig, Input } from '../core/host/step.ts';
import { Host } from '../core/host.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { Transport, TransportEvent } from '../ports/transport.ts';
import { awaitOwnAddress } from './addresses.ts';
import { admit } from './admission.ts';
import { type Audits, startAudits } from './audits.ts';
import { systemClock } from './clock.ts';
import { type Containers, createContainers } from './containers.ts';
import { type Encrypting, encrypting, keysOf, sleeveFact, sleevePort } from './encryption.ts';
import { createHandlers } from './handlers.ts';
import { hash, loadPassword } from './identity.ts';
import { Loop } from './loop.ts';
import { dnsReport } from './name-handlers.ts';
import { createNames, type Names } from './names.ts';
import { createPlugin, type Plugin } from './plugin.ts';
import { createRouterProxy, proxyReport } from './proxy.ts';
import { orphansIn, recover } from './recovery.ts';
import { threadProgram } from './threads.ts';
import { startTrafficWatch } from './traffic.ts';
import { createRouterHttp } from './weave-http.ts';

export interface Router {
  /** Ends it; traffic flows on. */
  stop(): Promise<void>;
  /** Resolves when the router is asked to end (undefined), or must. */
  readonly ending: Promise<Problem | undefined>;
}

export interface RouterOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** As `LoopPorts.after`. */
  readonly after?: (effect: Effect) => void;
}

/** What has to be taken back if a later step of the start fails, the last first. */
type Undo = (() => Promise<void> | void)[];

/** Starts a router, or says why not and leaves nothing behind. */
export async function startRouter(options: RouterOptions): Promise<Result<Router>> {
  const { runDir, stateDir } = options.settings;
  const absent = [stateDir, runDir].filter(directory => !existsSync(directory));
  const undo: Undo = [];
  const started = await start(options, undo);
  if (started.ok) return started;
  for (const step of undo.reverse()) await step();
  // Without a switch of this start, the host's rules are those of another router.
  if (absent.includes(runDir) && existsSync(switchPath(runDir)))
    await createLinuxDataplane({ runDir, log: options.log }).remove();
  for (const directory of absent) rmSync(directory, { recursive: true, force: true });
  return started;
}

async function start({ settings, log, after }: RouterOptions, undo: Undo): Promise<Result<Router>> {
  // Its thread takes a while to start: meanwhile the rest is opened.
  const names = createNames(settings, log.child('dns'));
  undo.push(() => names.stop());
  const opened = await open(settings, log, undo);
  if (!opened.ok) return opened;
  const { config, dataplane, encryption, listen, store, transport } = opened.value;
  const host = new Host(config);
  const ending = Promise.withResolvers<Problem | undefined>();
  const parts = { host, loop: undefined as Loop | undefined };
  const containers = containersOf(settings, log, input => parts.loop?.deliver(input));
  undo.push(() => containers.stop());
  const named = await names.start();
  if (!named.ok) return named;
  const plugin = createPlugin(settings, log.child('plugin'), {
    ask: command => loop.ask(command),
    allocations: () => host.allocations,
  });
  undo.push(() => plugin.stop());
  const loop = new Loop(host, {
    clock: systemClock,
    transport,
    dataplane,
    store,
    log: log.child('router'),
    follow: containers.follow,
    halt: ending.resolve,
    publish: records => names.publish(records),
    memberships: memberships => names.belong(memberships),
    networks: networks => plugin.want(networks),
    forwarded: forwarding => names.forwarded(forwarding),
    ...(after === undefined ? {} : { after }),
  });
  parts.loop = loop;
  encryption?.follow(port => loop.deliver({ kind: 'tunnels', port }));
  const audits = startAudits(dataplane, systemClock, log);
  const traffic = startTrafficWatch(dataplane, systemClock, to => loop.deliver({ kind: 'traffic', to }));
  undo.push(() => loop.stop(), audits.stop, traffic.stop);

  const parties = { settings, log, host, loop, containers, names, dataplane, audits, config, ending, plugin };
  const controlled = await serveControl(parties, undo);
  if (!controlled.ok) return controlled;

  await takeOver(parties);
  void loop.drained().then(() => names.open());
  listen(event => loop.deliver(event));
  const offered = await plugin.start();
  if (!offered.ok) return offered;
  const proxied = await serveProxy(parties, controlled.value, undo);
  if (!proxied.ok) return proxied;
  const answering = await serveHttp(parties, controlled.value, undo);
  if (!answering.ok) return answering;
  const { address, port } = config.vtep;
  log.info('router started', { id: config.self, listen: config.listen, data: `${address}:${port}` });
  return ok({
    ending: ending.promise,
    async stop() {
      loop.deliver({ kind: 'stopping' });
      await loop.drained();
      for (const step of [...undo].reverse()) await step();
    },
  });
}

/** What the answers to others are made of. */
interface Parties {
  readonly settings: Settings;
  readonly log: Log;
  readonly config: HostConfig;
  readonly host: Host;
  readonly loop: Loop;
  readonly containers: Containers;
  readonly names: Names;
  readonly dataplane: LinuxDataplane;
  readonly audits: Audits;
  readonly plugin: Plugin;
  readonly ending: PromiseWithResolvers<Problem | undefined>;
}

async function serveControl(
  { settings, log, config, host, loop, containers, names, dataplane, audits, ending, plugin }: Parties,
  undo: Undo,
): Promise<Result<ControlHandlers>> {
  const handlers = createHandlers({
    containers,
    port: settings.port,
    zone: settings.dnsDomain,
    addressesOf: name => host.lookup(name),
    dns: () => dnsReport(settings, names),
    defaultSubnet: config.ipam?.defaultSubnet,
    ask: command => loop.ask(command),
    networksSettled: () => plugin.settled(),
    report: () => host.report(systemClock.now()),
    allocations: () => host.allocations,
    allocatedTo: owner => host.allocatedTo(owner),
    inspect: container => containers.inspect(container),
    dataplane: async () => ({
      inspection: await dataplane.inspect(),
      counters: { ...dataplane.counters() },
      mended: audits.mended(),
    }),
    health: () => health(host),
    stop: () => ending.resolve(undefined),
    proxy: () => proxyReport(settings),
  });
  const control = createControlServer({
    socketPath: controlSocket(settings.runDir),
    log: log.child('control'),
    handlers,
  });
  const controlled = await control.start();
  if (!controlled.ok) return controlled;
  undo.push(() => control.close());
  return ok(handlers);
}

async function serveProxy(
  { settings, log, config, plugin }: Parties,
  handlers: ControlHandlers,
  undo: Undo,
): Promise<Result<void>> {
  const proxy = createRouterProxy({
    settings,
    handlers,
    drivers: plugin,
    defaultSubnet: config.ipam?.defaultSubnet,
    log: log.child('proxy'),
  });
  undo.push(() => proxy.stop());
  return proxy.start();
}

async function serveHttp(
  { settings, log }: Parties,
  handlers: ControlHandlers,
  undo: Undo,
): Promise<Result<void>> {
  const http = createRouterHttp({ settings, handlers, now: Date.now, log: log.child('http') });
  undo.push(() => http.stop());
  return http.start();
}

/** Begins with what the kernel holds. */
async function takeOver({ settings, config, containers, dataplane, loop, log }: Parties): Promise<void> {
  const found = await dataplane.inspect();
  const recovery = {
    ...{ profile: settings.profile, records: config.records, containers, log: log.child('recovery') },
    ask: (command: Command) => loop.ask(command),
    unplumb: (network: string, container: string) => dataplane.unplumb(network, container),
  };
  const orphans = orphansIn(found.attachments, recovery);
  const attachments = found.attachments.filter(one => !orphans.includes(one));
  loop.deliver({ kind: 'adopted', ...found, attachments });
  void recover(orphans, recovery);
}

function containersOf(settings: Settings, log: Log, deliver: (input: Input) => void): Containers {
  const { docker: address, runDir } = settings;
  return createContainers({
    docker: address === '' ? undefined : createDockerRuntime({ address, log: log.child('docker') }),
    bare: createBareNamespaces(log.child('namespaces'), switchPath(runDir)),
    log: log.child('containers'),
    deliver,
  });
}

interface Opened {
  readonly config: HostConfig;
  readonly store: Store;
  readonly dataplane: LinuxDataplane;
  readonly transport: Transport;
  /** Undefined where frames go as they are. */
  readonly encryption: Encrypting | undefined;
  /** Hands events on from now, those that came before first. */
  listen(listener: (event: TransportEvent) => boolean): void;
}

/** Opens everything that may refuse, the least lasting first. */
async function open(settings: Settings, log: Log, undo: Undo): Promise<Result<Opened>> {
  const vtep = await findVtep(settings);
  if (!vtep.ok) return vtep;
  const store = createFileStore({ directory: settings.stateDir, log: log.child('store') });
  const loaded = await store.load();
  if (!loaded.ok) return loaded;
  undo.push(() => store.close());
  const { repaired } = loaded.value;
  if (repaired !== undefined) log.warn(repaired);
  const admitted = await admit(settings, store, loaded.value.records, log);
  if (!admitted.ok) return admitted;
  const { identity, ipam, records } = admitted.value;
  log.debug('identity known', { id: identity.id, records: records.size });
  const password = await loadPassword(settings.passwordFile, log);
  if (!password.ok) return password;
  const encryption =
    password.value === undefined ? undefined : encrypting(settings, identity, password.value);
  const listened = await openTransport(settings, identity, password.value, vtep.value, log, undo);
  if (!listened.ok) return listened;
  log.debug('listening');
  const made = makeRunDirectory(settings.runDir);
  if (!made.ok) return made;
  const sleeve = {
    port: sleevePort(settings, encryption),
    only: !settings.fastdp,
    program: threadProgram('sleeve-thread'),
    keys: encryption?.tunnels.keys ?? keysOf(identity, password.value),
  };
  const dataplane = createLinuxDataplane({
    runDir: settings.runDir,
    log: log.child('dataplane'),
    ...(encryption && { tunnels: encryption.tunnels }),
    sleeve,
    control: { leg: settings.profile.legDevice, port: settings.port },
  });
  const plane = await dataplane.start(vtep.value);
  if (!plane.ok) return plane;
  undo.push(() => dataplane.close());
  log.debug('data plane ready', { underlayMtu: plane.value.underlayMtu });
  const config: HostConfig = {
    self: identity.id,
    crypto: { hash, sign: identity.sign, verify: createVerifier() },
    version: version(),
    name: settings.name,
    nickname: settings.nickname,
    advertise: [settings.advertise ?? `${settings.host ?? vtep.value.address}:${settings.port}`],
    listen: `${settings.host ?? '0.0.0.0'}:${settings.port}`,
    vtep: vtep.value,
    underlayMtu: plane.value.underlayMtu,
    // What is encrypted goes by no relay: nobody has to offer one.
    relays: plane.value.relays && encryption === undefined,
    mtu: settings.mtu,
    password: settings.passwordFile !== undefined,
    ...(encryption && { encryption: encryption.told(plane.value.tunnels === true) }),
    ...(plane.value.sleeve && { sleeve: sleeveFact(sleeve, plane.value.sleeve) }),
    discovery: settings.discovery,
    dialsReachable: settings.profile.dialsReachable,
    zone: settings.dnsDomain,
    byHostName: settings.profile.namesByHostName,
    yields: settings.profile.yields,
    deviceMtu: settings.fastdp ? undefined : settings.profile.sleeveDeviceMtu,
    ipam,
    device: settings.profile.device,
    legDevice: settings.profile.legDevice,
    targets: settings.resume ? undefined : settings.peers,
    launchId: settings.launchId,
    boot: `${Date.now()}-${randomBytes(8).toString('hex')}`,
    seed: randomInt(2 ** 47),
    records,
  };
  return ok({ config, store, dataplane, encryption, ...listened.value });
}

function makeRunDirectory(path: string): Result<void> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    return ok(undefined);
  } catch (error) {
    return refuse(fileProblem(error, path));
  }
}

async function openTransport(
  settings: Settings,
  identity: Identity,
  password: string | undefined,
  vtep: Vtep,
  log: Log,
  undo: Undo,
): Promise<Result<Pick<Opened, 'transport' | 'listen'>>> {
  const transport = await createLibp2pTransport({
    identity,
    port: settings.port,
    host: settings.host,
    advertise: settings.advertise ?? `${settings.host ?? vtep.address}:${settings.port}`,
    password,
    trusted: settings.trust,
    log: log.child('transport'),
  });
  const early: TransportEvent[] = [];
  let listener = (event: TransportEvent): boolean => {
    early.push(event);
    return false;
  };
  const started = await transport.start(event => listener(event));
  if (!started.ok) return started;
  undo.push(() => transport.stop());
  return ok({
    transport,
    listen(now) {
      for (const event of early.splice(0)) now(event);
      listener = now;
    },
  });
}

async function findVtep(settings: Settings): Promise<Result<Vtep>> {
  const address = settings.dataAddress ?? settings.host ?? (await awaitOwnAddress(settings.peers));
  return address === undefined
    ? refuse({ code: 'no-host-address' })
    : ok({ address, port: settings.dataPort });
}

function health(host: Host): Health {
  const { state } = host.report(systemClock.now());
  return {
    version: version(),
    pid: process.pid,
    state,
    how: process.env['MESH_HOW'] === 'container' ? 'container' : 'native',
  };
}
