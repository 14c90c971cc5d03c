import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../src/api/control/client.ts';
import type { Detached } from '../src/api/control/contract.ts';
import type { Settings } from '../src/api/control/options.ts';
import { formatSettings } from '../src/api/control/settings.ts';
import { describe, ok, type Result, refuse } from '../src/core/errors.ts';
import { runCommand } from './command.ts';
import { confinement } from './container.ts';
import { type Context, placeSettings } from './context.ts';
import { dockerAt, findContainer, removeContainer } from './docker.ts';
import { DAEMON, withFile } from './files.ts';
import { defaultImage, imageBuild } from './image.ts';
import { lastWords } from './last-words.ts';
import { routerEnvironment } from './launch-native.ts';
import { endRouter } from './stop.ts';

/** `mesh reset`: works in any state, and again. Prints what was detached and what was removed. */
export async function reset(context: Context): Promise<Result<void>> {
  const settings = placeSettings(context);
  if (!settings.ok) return settings;
  const reply = await resetHost(context, settings.value);
  if (!reply.ok) return reply;
  const { detached, removed } = reply.value;
  const lines = [
    ...detached.map(
      each => `detached ${each.addresses.join(' ')} from ${each.containerName || each.container}`,
    ),
    ...removed.map(what => `removed ${what}`),
  ];
  context.print({ detached, removed }, lines.join('\n') || 'nothing to remove');
  return ok(undefined);
}

/** What was detached, and what there was to remove. */
export interface ResetReply {
  readonly detached: readonly Detached[];
  readonly removed: readonly string[];
}

/** Detaches all containers, ends the router, and removes everything that it made. */
export async function resetHost(context: Context, settings: Settings): Promise<Result<ResetReply>> {
  if (process.geteuid?.() !== 0)
    return refuse({ code: 'no-permission', what: 'remove what the router made' });
  const detached = await leave(context);
  if (!detached.ok) return detached;
  const ended = await endRouter(context, settings);
  if (!ended.ok) return ended;
  const removed = await removeAll(settings);
  return removed.ok ? ok({ detached: detached.value, removed: removed.value }) : removed;
}

/**
 * Detaches what is attached; gives nothing where no router runs, whose attachments go with the switch then. One that can't
 * is no reason to leave everything in place.
 */
async function leave(context: Context): Promise<Result<readonly Detached[]>> {
  const left = await ask(context.socket, 'leave');
  if (left.ok) return ok(left.value.detached);
  if (left.problem.code === 'no-permission') return left;
  if (left.problem.code !== 'router-not-running')
    context.say(`${describe(left.problem)}; it is ended all the same`);
  return ok([]);
}

/** Removes switch, container and files; gives what there was of them. */
async function removeAll(settings: Settings): Promise<Result<string[]>> {
  const docker = dockerAt(settings);
  const found = await findContainer(docker);
  const container = found.ok ? found.value : undefined;
  const { stateDir, runDir } = settings;
  const directories = [stateDir, runDir].filter(path => existsSync(path));
  const parts = existsSync(runDir) ? ['switch'] : [];
  if (container === undefined && directories.length === 0) return ok([]);
  const cleaned = await clean(settings, container?.image);
  if (!cleaned.ok) return cleaned;
  if (container !== undefined) await removeContainer(docker);
  // Both, since an engine makes what it is told to mount.
  for (const path of [stateDir, runDir]) {
    const removed = withFile(path, () => removeDirectory(path));
    if (!removed.ok) return removed;
  }
  if (container !== undefined) parts.push(`container ${docker.container}`);
  return ok([...parts, ...directories]);
}

/** One that is a mount point, as a volume is, can't be removed: it is left empty. */
function removeDirectory(path: string): void {
  if (!existsSync(path)) return;
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true });
  try {
    rmdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
}

/** Has the router's own code remove what it made in the kernel. */
async function clean(settings: Settings, image: string | undefined): Promise<Result<void>> {
  const argv = ['--clean', ...formatSettings(settings)];
  const docker = dockerAt(settings);
  const candidate = image ?? defaultImage();
  const inContainer = settings.docker !== '' && (await imageBuild(docker, candidate)) !== undefined;
  const { status, stdout, stderr } = inContainer
    ? await docker.run('run', '--rm', ...confinement(settings), candidate, ...argv)
    : await runCommand(process.execPath, [DAEMON, ...argv], {
        env: routerEnvironment(process.env),
        tether: true,
      });
  return status === 0
    ? ok(undefined)
    : refuse({ code: 'kernel-refused', what: 'remove the switch', why: lastWords(stdout + stderr) });
}
