import { networkInterfaces } from 'node:os';
import type { Settings } from '../src/api/control/options.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { type Output, runCommand } from './command.ts';

/** Set on the router's container and image; its value is the build. */
export const BUILD_LABEL = 'mesh.build';

/** The `docker` command line, for one engine. */
export interface Docker {
  readonly address: string;
  /** Name of the router's container. */
  readonly container: string;
  run(...argv: readonly string[]): Promise<Output>;
}

/** `words`: what stands in front of every command, like `--tls`. */
export function dockerAt(
  { docker: address, profile }: Pick<Settings, 'docker' | 'profile'>,
  words: readonly string[] = [],
): Docker {
  const env = { ...process.env, DOCKER_HOST: address };
  return {
    address,
    container: profile.container,
    run: (...argv) => runCommand('docker', [...words, ...argv], { env }),
  };
}

/** The reason in what `docker` said: its last line but for advice, without the name of the program. */
export function dockerReason({ stderr, status }: Output): string {
  const lines = stderr.split('\n').filter(line => line.trim() !== '' && !/^(See|Run) '/.test(line));
  return (
    lines
      .at(-1)
      ?.replace(/^docker: /, '')
      .replace(/^Error response from daemon: /, '') ?? `status ${status}`
  );
}

/** Why no router can be run as a container of this engine, or undefined where one can. */
export async function whyNoEngine(docker: Docker): Promise<string | undefined> {
  if (docker.address === '') return 'no Docker engine is configured';
  if (!isLocal(docker.address)) return `the Docker engine at ${docker.address} is not on this host`;
  const { status, stderr } = await docker.run('version', '--format', '{{.Server.Version}}');
  if (status === 127) return 'there is no "docker" command';
  return status === 0
    ? undefined
    : `no Docker engine answers at ${docker.address} (${stderr.trim().split('\n')[0]})`;
}

function isLocal(address: string): boolean {
  if (address.startsWith('unix://')) return true;
  const host = /^tcp:\/\/(.*):\d+$/.exec(address)?.[1];
  const own = Object.values(networkInterfaces()).flatMap(each => each ?? []);
  return host === 'localhost' || own.some(({ address: mine }) => mine === host);
}

export interface FoundContainer {
  /** As Docker has it: created, running, paused, restarting, removing, exited, dead. */
  readonly state: string;
  readonly image: string;
}

/** The router's container, if there is one. Refuses with `container-foreign` where another has its name. */
export async function findContainer(docker: Docker): Promise<Result<FoundContainer | undefined>> {
  if (docker.address === '') return ok(undefined);
  const format = `{{.State.Status}} {{.Config.Image}} {{index .Config.Labels "${BUILD_LABEL}"}}`;
  const { status, stdout } = await docker.run('container', 'inspect', '--format', format, docker.container);
  if (status !== 0) return ok(undefined);
  const [state = '', image = '', build = ''] = stdout.trim().split(' ');
  return build === '' || build === '<no'
    ? refuse({ code: 'container-foreign', container: docker.container })
    : ok({ state, image });
}

/** Ends the router's container for good: without its restart policy, which would bring it back with the engine. */
export async function stopContainer(docker: Docker): Promise<Result<void>> {
  await docker.run('update', '--restart', 'no', docker.container);
  const stopped = await docker.run('stop', docker.container);
  return stopped.status === 0
    ? ok(undefined)
    : refuse({ code: 'router-refused', why: `"docker stop" failed: ${dockerReason(stopped)}` });
}

/** Removes the router's container, running or not; nothing where there is none. */
export async function removeContainer(docker: Docker): Promise<void> {
  await docker.run('rm', '--force', '--volumes', docker.container);
}
