import { ask } from '../../src/api/control/client.ts';
import type { Settings } from '../../src/api/control/options.ts';
import { ok, type Result } from '../../src/core/errors.ts';
import { type Context, placeSettings } from '../context.ts';
import { type Docker, dockerAt } from '../docker.ts';
import { resetHost } from '../reset.ts';
import { endRouter } from '../stop.ts';
import { withState } from './data-container.ts';
import { type Outcome, refused } from './refusal.ts';

/** `weave stop`: what is attached goes on. */
export async function stop(context: Context): Promise<Outcome> {
  const placed = await place(context);
  if (!placed.ok) return placed;
  const { docker, settings } = placed.value;
  const stopped = await endRouter(context, settings);
  if (!stopped.ok) return stopped;
  if (stopped.value === undefined) process.stderr.write('Weave is not running (ignore on Kubernetes).\n');
  const { network } = settings.profile;
  const format = '{{range .Containers}}{{.Name}}\n{{end}}';
  const found = await docker.run('network', 'inspect', '--format', format, network);
  const names = found.stdout.split('\n').filter(name => name !== '');
  if (stopped.value !== undefined && found.status === 0 && names.length > 0) {
    const lines = [
      `WARNING: the following containers are still attached to network "${network}":`,
      ...names.map(name => `  ${name}`),
      'Docker operations involving those containers may pause or fail',
      'while Weave is not running',
    ];
    process.stderr.write(`${lines.join('\n')}\n`);
  }
  return ok(undefined);
}

/** `weave reset [--force]`: the space goes to others, and everything that was made here ends. */
export async function reset(context: Context, isForced: boolean): Promise<Outcome> {
  const placed = await place(context);
  if (!placed.ok) return placed;
  const { docker, settings } = placed.value;
  const { container, dataContainer } = settings.profile;
  const health = await ask(context.socket, 'health');
  const stopped = await docker.run('container', 'inspect', '--format', '{{.State.Running}}', container);
  if (!health.ok && stopped.status === 0 && !isForced) {
    return refused(
      `ERROR: ${settings.profile.command} is not running; unable to remove from cluster.\nRe-launch ${settings.profile.command} before reset or use --force to override.`,
    );
  }
  const done = await resetHost(context, settings);
  if (!done.ok) return done;
  if (dataContainer !== undefined) await docker.run('rm', '--force', '--volumes', dataContainer);
  return ok(undefined);
}

async function place(
  context: Context,
): Promise<Result<{ readonly docker: Docker; readonly settings: Settings }>> {
  const settings = placeSettings(context);
  if (!settings.ok) return settings;
  const docker = dockerAt(settings.value);
  return ok({ docker, settings: await withState(docker, settings.value) });
}
