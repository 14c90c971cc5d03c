import { rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { createDockerEndpoints } from '../adapters/docker/endpoints.ts';
import { createDockerNetworks } from '../adapters/docker/networks.ts';
import type { Settings } from '../api/control/options.ts';
import { pluginSocket } from '../api/plugin/folder.ts';
import { createPluginServer } from '../api/plugin/server.ts';
import { ok, type Result } from '../core/errors.ts';
import type { Allocation } from '../core/host/allocation.ts';
import type { Command, Reply } from '../core/host/step.ts';
import type { Network } from '../core/networks/network.ts';
import type { EngineEndpoints } from '../ports/engine-endpoints.ts';
import type { Log } from '../ports/log.ts';
import { Comparison } from './comparison.ts';
import { DockerNetworks } from './docker-networks.ts';
import { revive } from './revive.ts';

interface Router {
  ask(command: Command): Promise<Result<Reply>>;
  /** What this host has given out. */
  allocations(): readonly Allocation[];
}

export interface PluginParts extends Router {
  readonly engine: EngineEndpoints;
  readonly log: Log;
  /** How the interfaces of containers begin; an engine adds a number. */
  readonly device: string;
  readonly multicastOption: string;
  /** Whether containers of the engine's network get no route for multicast. */
  isUnicast(network: string): Promise<boolean>;
  readonly socketPath: string;
}

export interface Plugin {
  /** Listens where engines look for drivers; refuses as `PluginServer.start`. */
  start(): Promise<Result<void>>;
  /** These are all networks of the mesh now: the engine is to have them as well. */
  want(networks: readonly Network[]): void;
  /** Resolves when the engine has them, as far as that can be. */
  settled(): Promise<void>;
  /** Resolves when a container is called on the mesh as the engine calls it now, as far as that can be. */
  identify(container: string): Promise<void>;
  stop(): Promise<void>;
}

/** An engine that is about to tell of an endpoint for an address has done so when it is looked at for the second time. */
const LOOK_MS = 30_000;

/** Docker's drivers, where this router is to offer them. */
export function createPlugin(settings: Settings, log: Log, router: Router): Plugin {
  if (!settings.plugin || settings.docker === '') return SILENT;
  const { docker: address, profile } = settings;
  const { driver, device, multicastOption, network } = profile;
  const engine = createDockerEndpoints({ address, driver, log });
  const networks = createDockerNetworks(address, log);
  const followed = new DockerNetworks({
    networks,
    driver,
    defaultName: network,
    multicastOption,
    log,
    ask: command => router.ask(command),
  });
  const offered = offerPlugin({
    ...router,
    isUnicast: id => followed.isUnicast(id),
    ...{ engine, log, device, multicastOption },
    socketPath: pluginSocket(driver),
  });
  return {
    async start() {
      const started = await offered.start();
      // An engine that makes a network asks the driver.
      if (started.ok) followed.start();
      return started;
    },
    want: wanted => followed.want(wanted),
    settled: () => followed.settled(),
    identify: container => offered.identify(container),
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
  identify: async () => {},
  stop: async () => {},
};

/** What engines ask for, and what they have forgotten to take back. */
export function offerPlugin(parts: PluginParts): Pick<Plugin, 'start' | 'identify' | 'stop'> {
  const { ask, device, engine, isUnicast, log, multicastOption, socketPath } = parts;
  const comparison = new Comparison(parts);
  let stops: readonly (() => void)[] = [];

  function look(): void {
    void comparison.compare();
    void revive(engine, log);
  }

  async function identify(container: string): Promise<void> {
    const found = await engine.inhabitant(container);
    if (!found.ok) return;
    const { aliases, endpoints, name } = found.value;
    for (const endpoint of endpoints)
      await ask({ kind: 'name-endpoint', endpoint, container: name, aliases });
  }

  const naming = new Map<string, Promise<void>>();

  /** As `identify`; one that goes on is as good: while a container starts or ends, the engine tells nothing of it. */
  async function identified(container: string): Promise<void> {
    await (naming.get(container) ?? track(container));
  }

  async function track(container: string): Promise<void> {
    const run = identify(container);
    naming.set(container, run);
    await run.finally(() => naming.get(container) === run && naming.delete(container));
  }

  async function lookAgain(): Promise<void> {
    look();
    const found = await engine.containers();
    for (const container of found.ok ? found.value : []) await identify(container);
  }

  const server = createPluginServer({
    socketPath,
    prefix: device,
    multicastOption,
    log,
    host: {
      ask,
      isUnicast,
      identified: container => void track(container),
      compare: address => comparison.compare(address),
    },
  });

  return {
    async start() {
      const started = await server.start();
      if (!started.ok) return started;
      const timer = setInterval(look, LOOK_MS);
      const unwatch = engine.watch(event => {
        if (event.kind === 'connected') void track(event.container);
        else void lookAgain();
      });
      stops = [unwatch, () => clearInterval(timer)];
      return started;
    },
    identify: identified,
    async stop() {
      for (const stop of stops) stop();
      await server.close();
      await comparison.idle();
      removeEmpty(dirname(socketPath));
    },
  };
}

/** The folders of an engine that was never there. */
export function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
    rmdirSync(dirname(folder));
  } catch {
    // Others use them, or a container has them mounted.
  }
}
