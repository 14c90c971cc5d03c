import { ask } from '../src/api/control/client.ts';
import type { Health } from '../src/api/control/contract.ts';
import type { Settings } from '../src/api/control/settings.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { awaitEnd } from './await-router.ts';
import { type Context, placeSettings } from './context.ts';
import { CONTAINER, dockerAt, findContainer, stopContainer } from './docker.ts';

const STOP_TIMEOUT_MS = 15_000;

/** `mesh stop`: the same where no router runs, as with Weave. */
export async function stop(context: Context): Promise<Result<void>> {
  const settings = placeSettings(context);
  if (!settings.ok) return settings;
  const stopped = await endRouter(context, settings.value);
  if (!stopped.ok) return stopped;
  if (stopped.value === undefined) context.say('mesh: no router is running');
  context.print({ stopped: stopped.value ?? null }, '');
  return ok(undefined);
}

/** Ends the router, however it runs; gives how it ran, undefined where none did. */
export async function endRouter(
  context: Context,
  { docker: address }: Settings,
): Promise<Result<Health['how'] | undefined>> {
  const health = await ask(context.socket, 'health');
  if (health.ok && health.value.how === 'native') {
    const asked = await ask(context.socket, 'stop');
    return asked.ok ? ended(context, 'native', health.value.pid) : asked;
  }
  if (!health.ok && health.problem.code !== 'router-not-running') return health;
  const docker = dockerAt(address);
  const found = await findContainer(docker);
  // Without a router that answers, somebody else's container of that name is none of our business.
  const state = found.ok ? found.value?.state : undefined;
  if (state === 'running' || state === 'restarting' || state === 'paused') {
    const stopped = await stopContainer(docker);
    return stopped.ok ? ended(context, 'container', undefined) : stopped;
  }
  return health.ok
    ? refuse({ code: 'docker-unreachable', address, why: `the router runs as container ${CONTAINER} of it` })
    : ok(undefined);
}

async function ended(
  { socket }: Context,
  how: Health['how'],
  pid: number | undefined,
): Promise<Result<Health['how']>> {
  return (await awaitEnd(socket, pid, STOP_TIMEOUT_MS))
    ? ok(how)
    : refuse({ code: 'router-refused', why: `it has not ended within ${STOP_TIMEOUT_MS / 1000} s` });
}
