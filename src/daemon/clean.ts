import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFileStore } from '../adapters/file/store.ts';
import { createLinuxDataplane } from '../adapters/linux/dataplane.ts';
import { ask } from '../api/control/client.ts';
import type { Settings } from '../api/control/options.ts';
import { controlSocket } from '../api/control/settings.ts';
import { PLUGIN_FOLDER, pluginSocket } from '../api/plugin/folder.ts';
import type { Problem } from '../core/errors.ts';
import { hasOwnFacts } from '../core/host/durability.ts';
import type { Log } from '../ports/log.ts';
import { IDENTITY_FILE } from './identity.ts';
import { removeEmpty } from './plugin.ts';
import { startRouter } from './router.ts';

/** As `mesh launch` stores it. */
const PASSWORD_FILE = 'password';
/** How long other routers are looked for: without one that answers there is nobody to tell. */
const MEET_MS = 4_000;
/** For the last words to be on their way. */
const FAREWELL_MS = 300;
const POLL_MS = 50;

/**
 * Says goodbye to the mesh in the name of this host, if it ever said anything; then removes the switch, the rules and
 * every container's interface. Refuses while a router runs.
 */
export async function clean(settings: Settings, log: Log): Promise<Problem | undefined> {
  const { runDir, stateDir } = settings;
  const alive = await ask(controlSocket(runDir), 'health');
  if (alive.ok) return { code: 'router-running', how: `process ${alive.value.pid}` };
  if (await hasSomethingToTakeBack(stateDir, log)) await sayGoodbye(settings, log);
  if (existsSync(runDir)) await createLinuxDataplane({ runDir, log }).remove();
  if (settings.plugin) {
    // Of a router that was killed; an engine would wait in vain on it.
    rmSync(pluginSocket(settings.profile.driver), { force: true });
    removeEmpty(PLUGIN_FOLDER);
  }
  return undefined;
}

async function hasSomethingToTakeBack(stateDir: string, log: Log): Promise<boolean> {
  if (!existsSync(join(stateDir, IDENTITY_FILE))) return false;
  const store = createFileStore({ directory: stateDir, log });
  const loaded = await store.load();
  if (!loaded.ok) return false;
  await store.close();
  return hasOwnFacts(loaded.value.records);
}

/** Else the others would show what was attached here for ever: nobody can take back what another has said. */
async function sayGoodbye(settings: Settings, log: Log): Promise<void> {
  const { runDir, stateDir } = settings;
  const stored = join(stateDir, PASSWORD_FILE);
  const passwordFile = settings.passwordFile ?? (existsSync(stored) ? stored : undefined);
  const started = await startRouter({
    settings: { ...settings, passwordFile, resume: true, peers: [], plugin: false },
    log,
  });
  if (!started.ok) return log.warn('the mesh could not be told', started.problem);
  const socket = controlSocket(runDir);
  const deadline = performance.now() + MEET_MS;
  while (performance.now() < deadline && !(await hasMet(socket))) await sleep(POLL_MS);
  await ask(socket, 'leave');
  await sleep(FAREWELL_MS);
  await started.value.stop();
}

/** Whether somebody hears us, or there is nobody who could. */
async function hasMet(socket: string): Promise<boolean> {
  const report = await ask(socket, 'report');
  if (!report.ok) return true;
  const { connections, peers, state, targets } = report.value;
  const nobody = targets.length === 0 && peers.every(({ id }) => id === report.value.self.id);
  return (
    state === 'ready' &&
    (nobody || connections.some(one => one.state === 'pending' || one.state === 'established'))
  );
}
