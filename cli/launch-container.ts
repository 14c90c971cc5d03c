import { writeFileSync } from 'node:fs';
import type { Health } from '../src/api/control/contract.ts';
import type { Settings } from '../src/api/control/options.ts';
import { controlSocket } from '../src/api/control/settings.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { awaitRouter } from './await-router.ts';
import { confinement, resolvConf, routerArguments, sharedMountAdvice } from './container.ts';
import { type Docker, dockerReason, findContainer, removeContainer } from './docker.ts';
import { logFile, makeDirectory, withFile } from './files.ts';
import { isInstalled } from './install.ts';
import { lastWords } from './last-words.ts';

const TAIL_LINES = '200';

/** Makes room for the container: one that does not run is replaced, one that runs is refused. */
async function freeName(docker: Docker): Promise<Result<void>> {
  const found = await findContainer(docker);
  if (!found.ok) return found;
  const state = found.value?.state;
  if (state === 'running' || state === 'paused') {
    return refuse({ code: 'router-running', how: `container ${docker.container}, ${state}` });
  }
  if (state !== undefined) await removeContainer(docker);
  return ok(undefined);
}

export interface ContainerFlags {
  /** The policy; that it comes back with the engine where left out. */
  readonly restart?: 'no' | 'always';
  /** More flags of `docker run`. */
  readonly flags?: readonly string[];
}

/** Starts the router as container `mesh` that comes back with the engine, and waits until it answers. */
export async function launchContainer(
  settings: Settings,
  docker: Docker,
  image: string,
  { flags, restart }: ContainerFlags = {},
): Promise<Result<Health>> {
  const free = await freeName(docker);
  if (!free.ok) return free;
  // Made here, since an engine would make them for all to read.
  const made = makeDirectory(settings.runDir, 0o755);
  if (!made.ok) return made;
  const started = await docker.run(
    'run',
    '--detach',
    `--name=${docker.container}`,
    // Where a unit brings a router with the next boot, this one must not come too.
    `--restart=${restart ?? (isInstalled() ? 'no' : 'always')}`,
    ...confinement(settings),
    ...(flags ?? []),
    ...resolvConf(settings.resolvConf).flags,
    image,
    ...routerArguments(settings),
  );
  if (started.status !== 0) {
    await removeContainer(docker);
    const reason = dockerReason(started);
    return refuse({ code: 'launch-failed', why: sharedMountAdvice(reason) ?? reason });
  }
  const health = await awaitRouter(controlSocket(settings.runDir), () => lastWordsOf(docker));
  if (!health.ok) await removeFailed(docker, settings);
  return health;
}

/** Why the container ended, or undefined while it runs for the first time. */
async function lastWordsOf(docker: Docker): Promise<string | undefined> {
  const format = '{{.State.Status}} {{.RestartCount}}';
  const { status, stdout } = await docker.run('container', 'inspect', '--format', format, docker.container);
  if (status === 0 && stdout.trim() === 'running 0') return undefined;
  const { stdout: out, stderr } = await docker.run('logs', '--tail', TAIL_LINES, docker.container);
  return lastWords(out + stderr);
}

/** Leaves nothing of a container that failed but its log, where `mesh logs` finds it. */
async function removeFailed(docker: Docker, { stateDir }: Settings): Promise<void> {
  await docker.run('update', '--restart=no', docker.container);
  const { stdout, stderr } = await docker.run('logs', '--tail', TAIL_LINES, docker.container);
  const path = logFile(stateDir);
  withFile(path, () => writeFileSync(path, stdout + stderr, { mode: 0o600 }));
  await removeContainer(docker);
}
