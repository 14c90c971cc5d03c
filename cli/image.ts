import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../src/api/control/version.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { runCommand } from './command.ts';
import type { Context } from './context.ts';
import { BUILD_LABEL, type Docker } from './docker.ts';
import { DIST } from './files.ts';
import { ensureProgram } from './packages.ts';

/** The image that `launch` takes and makes where none is named. */
export function defaultImage(): string {
  return `mesh:${version()}`;
}

/** What the bundles beside this command were built from; changes with every change of a source. */
function ownBuild(): string | undefined {
  const file = join(DIST, 'build.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { build: string }).build : undefined;
}

export async function imageBuild(docker: Docker, image: string): Promise<string | undefined> {
  const format = `{{index .Config.Labels "${BUILD_LABEL}"}}`;
  const { status, stdout } = await docker.run('image', 'inspect', '--format', format, image);
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Has an image of this build: builds it from the checkout where it is missing or of another build. One that the user named
 * is taken as it is.
 */
export async function ensureImage(
  context: Context,
  docker: Docker,
  named: string | undefined,
): Promise<Result<string>> {
  const image = named ?? defaultImage();
  const found = await imageBuild(docker, image);
  if (found !== undefined && (named !== undefined || found === ownBuild())) return ok(image);
  if (named !== undefined) return missing(`there is no image ${image} here`);
  const script = join(DIST, '..', 'images', 'build.ts');
  if (!existsSync(script)) {
    return found === undefined
      ? missing(`there is no image ${image} here, nor a checkout to build it from`)
      : ok(image);
  }
  const nft = await ensureProgram(context, 'nft', 'nftables');
  if (!nft.ok) return nft;
  context.say(`building image ${image}`);
  const env = { ...process.env, DOCKER_HOST: docker.address };
  const { status } = await runCommand(process.execPath, [script, '--tag', image], { env, show: true });
  return status === 0 ? ok(image) : missing(`image ${image} could not be built`);
}

const missing = (why: string): Result<never> =>
  refuse({ code: 'launch-failed', why: `${why}; or pass --native` });
