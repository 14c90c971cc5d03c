import { rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { createDockerEndpoints } from '../adapters/docker/endpoints.ts';
import { createDockerNetworks } from '../adapters/docker/networks.ts';
import type { Settings } from '../api/control/options.ts';
import { pluginSocket } from '../api/plugin/folder.ts';
import { createPluginServer } from '../api/plugin/server.ts';
import type { Ipv4 } from '../core/address.ts';
import { endpointOf } from '../core/endpoints/attachment.ts';
import { ok, type Result } from '../core/errors.ts';
import type { Allocation } from '../core/host/allocation.ts';
import { isReserved } from '../core/host/handed.ts';
import type { Command, Reply } from '../core/host/step.ts';
import type { Network } from '../core/networks/network.ts';
import type { EngineEndpoints } from '../ports/engine-endpoints.ts';
import type { Log } from '../ports/log.ts';
import { DockerNetworks } from './docker-networks.ts';
import { MESH } from './profile.ts';

interface Router {
  ask(command: Command): Promise<Result<Reply>>;
  /** What this host has given out. */
  allocations(): readonly Allocation[];
}

export interface PluginParts extends Router {
  readonly engine: EngineEndpoints;
  readonly log: Log;
  readonly socketPath: string;
}

export interface Plugin {
  /** Listens where engines look for drivers; refuses as `PluginServer.start`. */
  start(): Promise<Result<void>>;
  /** These are all networks of the mesh now: the engine is to have them as well. */
  want(networks: readonly Network[]): void;
  /** Resolves when the engine has them, as far as that can be. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** An engine that is about to tell of an endpoint for an address has done so when it is looked at for the second time. */
const COMPARE_MS = 30_000;

/** Docker's drivers, where this router is to offer them. */
export function createPlugin(settings: Settings, log: Log, router: Router): Plugin {
  if (!settings.plugin || settings.docker === '') return SILENT;
  const { docker: address } = settings;
  const { driver } = MESH;
  const engine = createDockerEndpoints({ address, driver, log });
  const networks = createDockerNetworks(address, log);
  const followed = new DockerNetworks({ networks, driver, log, ask: command => router.ask(command) });
  const offered = offerPlugin({ ...router, engine, log, socketPath: pluginSocket(driver) });
  return {
    async start() {
      const started = await offered.start();
      // An engine that makes a network asks the driver.
      if (started.ok) followed.start();
      return started;
    },
    want: wanted => followed.want(wanted),
    settled: () => followed.settled(),
    async stop() {
      followed.stop();
      await offered.stop();
    },
  };
}

const SILENT: Plugin = {
  start: async () => ok(undefined),
  want: () => {},
  settled: async () => {},
  stop: async () => {},
};

/** What engines ask for, and what they have forgotten to take back. */
export function offerPlugin(parts: PluginParts): Pick<Plugin, 'start' | 'stop'> {
  const { allocations, ask, engine, log, socketPath } = parts;
  /** What the engine did not know of when it was last asked. */
  let missed: ReadonlySet<string> = new Set();
  let turn: Promise<unknown> = Promise.resolve();
  let stops: readonly (() => void)[] = [];

  /** Every allocation that an engine has to answer for, as a text. */
  const ours = (): ReadonlyMap<string, Allocation> =>
    new Map(
      allocations()
        .filter(({ owner }) => isReserved(owner) || endpointOf({ container: owner }) !== undefined)
        .map(one => [`${one.owner} ${one.cidr.address}`, one]),
    );

  /** `sure`: what it does not know now is gone; else it may be on its way, until it is missed twice. */
  async function compareNow(sure: boolean): Promise<void> {
    const before = ours();
    if (before.size === 0) return;
    const found = await engine.list();
    if (!found.ok) return;
    const ids = new Set(found.value.map(({ id }) => id));
    const addresses = new Set(found.value.map(({ address }) => address));
    const gone = new Map(
      [...before].filter(([, { cidr, owner }]) => {
        const endpoint = endpointOf({ container: owner });
        return endpoint === undefined ? !addresses.has(cidr.address) : !ids.has(endpoint);
      }),
    );
    const now = ours();
    for (const [key, { cidr, owner }] of gone) {
      if (!now.has(key) || !(sure || missed.has(key))) continue;
      await forget(owner, cidr.address);
      gone.delete(key);
    }
    missed = new Set(gone.keys());
  }

  async function forget(owner: string, address: Ipv4): Promise<void> {
    log.info('the engine knows no more of what had an address', { owner, address });
    const endpoint = endpointOf({ container: owner });
    if (endpoint !== undefined) await ask({ kind: 'delete-endpoint', endpoint });
    await ask({ kind: 'return-address', address });
  }

  /** One after the other: each takes what the one before has found. */
  function compare(sure: boolean): Promise<void> {
    const next = turn.then(() => compareNow(sure));
    turn = next.catch(error => log.error('the engine could not be compared with', { error: String(error) }));
    return next;
  }

  async function identify(container: string): Promise<void> {
    const found = await engine.inhabitant(container);
    if (!found.ok) return;
    const { aliases, endpoints, name } = found.value;
    for (const endpoint of endpoints)
      await ask({ kind: 'name-endpoint', endpoint, container: name, aliases });
  }

  async function lookAgain(): Promise<void> {
    void compare(false);
    const found = await engine.containers();
    for (const container of found.ok ? found.value : []) await identify(container);
  }

  const server = createPluginServer({
    socketPath,
    prefix: MESH.device,
    log,
    host: {
      ask,
      identified: (_, container) => void identify(container),
      compare: () => compare(true),
    },
  });

  return {
    async start() {
      const started = await server.start();
      if (!started.ok) return started;
      const timer = setInterval(() => void compare(false), COMPARE_MS);
      const unwatch = engine.watch(event => {
        if (event.kind === 'connected') void identify(event.container);
        else void lookAgain();
      });
      stops = [unwatch, () => clearInterval(timer)];
      return started;
    },
    async stop() {
      for (const stop of stops) stop();
      await server.close();
      await turn;
      removeEmpty(dirname(socketPath));
    },
  };
}

/** The folders of an engine that was never there. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
    rmdirSync(dirname(folder));
  } catch {
    // Others use them, or a container has them mounted.
  }
}
