import { ask } from '../src/api/control/client.ts';
import type { Health } from '../src/api/control/contract.ts';
import type { Settings } from '../src/api/control/options.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { awaitEnd } from './await-router.ts';
import { type Context, placeSettings } from './context.ts';
import { dockerAt, findContainer, stopContainer } from './docker.ts';
import { socketHolder } from './holder.ts';

const STOP_TIMEOUT_MS = 10_000;

/** `mesh stop`: the same where no router runs, as with Weave. */
export async function stop(context: Context): Promise<Result<void>> {
  const settings = placeSettings(context);
  if (!settings.ok) return settings;
  const stopped = await endRouter(context, settings.value);
  if (!stopped.ok) return stopped;
  if (stopped.value === undefined) context.say('no router is running');
  context.print({ stopped: stopped.value ?? null }, '');
  return ok(undefined);
}

/** Ends the router, however it runs and whether or not it still answers; gives how it ran, undefined where none did. */
export async function endRouter(
  context: Context,
  settings: Settings,
): Promise<Result<Health['how'] | undefined>> {
  const health = await ask(context.socket, 'health');
  if (health.ok && health.value.how === 'native') return endNative(context, health.value.pid);
  if (!health.ok && health.problem.code === 'no-permission') return health;
  const docker = dockerAt(settings);
  const found = await findContainer(docker);
  // Without a router that answers, somebody else's container of that name is none of our business.
  const state = found.ok ? found.value?.state : undefined;
  if (state === 'running' || state === 'restarting' || state === 'paused') {
    const stopped = await stopContainer(docker);
    return stopped.ok ? ok('container') : stopped;
  }
  if (!health.ok) {
    if (health.problem.code === 'router-not-running') return ok(undefined);
    const pid = socketHolder(context.socket);
    return pid === undefined ? health : endSilent(context, pid);
  }
  return refuse({
    code: 'docker-unreachable',
    address: settings.docker,
    why: `the router runs as container ${docker.container} of it`,
  });
}

/** Asks it to end; one that does not is killed, as an engine does with a container. Traffic flows on either way. */
async function endNative(context: Context, pid: number): Promise<Result<'native'>> {
  await ask(context.socket, 'stop');
  if (await awaitEnd(context.socket, pid, STOP_TIMEOUT_MS)) return ok('native');
  context.say(`the router has not ended within ${STOP_TIMEOUT_MS / 1000} s and is killed`);
  return kill(context, pid);
}

/** One that does not even say how it is would not hear that it is to end. */
function endSilent(context: Context, pid: number): Promise<Result<'native'>> {
  context.say(`the router (process ${pid}) gives no answer and is killed`);
  return kill(context, pid);
}

async function kill({ socket }: Context, pid: number): Promise<Result<'native'>> {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended just now.
  }
  return (await awaitEnd(socket, pid, STOP_TIMEOUT_MS))
    ? ok('native')
    : refuse({ code: 'router-refused', why: `process ${pid} can't be killed` });
}
