import type { Settings } from '../../src/api/control/options.ts';
import { ok, type Result, refuse } from '../../src/core/errors.ts';
import { BUILD_LABEL, type Docker, dockerReason } from '../docker.ts';

/** Where the volume is in the container; nothing ever runs there. */
const VOLUME = '/weavedb';

/** Where the state is that the data container keeps, as this host sees it; undefined where there is none. */
export async function findState(docker: Docker, name: string): Promise<string | undefined> {
  const format = '{{range .Mounts}}{{.Source}}{{end}}';
  const { status, stdout } = await docker.run('container', 'inspect', '--format', format, name);
  const path = stdout.trim();
  return status === 0 && path.startsWith('/') ? path : undefined;
}

/** Has the data container: who removes it with its volume has removed the state. */
export async function ensureState(docker: Docker, name: string, image: string): Promise<Result<string>> {
  const found = await findState(docker, name);
  if (found !== undefined) return ok(found);
  const flags = [`--name=${name}`, `--label=${BUILD_LABEL}=data`, `--volume=${VOLUME}`];
  const made = await docker.run('create', ...flags, image);
  const path = made.status === 0 ? await findState(docker, name) : undefined;
  return path === undefined
    ? refuse({ code: 'launch-failed', why: `container ${name}: ${dockerReason(made)}` })
    : ok(path);
}

/** The settings with the directory that the state really has. */
export async function withState(docker: Docker, settings: Settings): Promise<Settings> {
  const { dataContainer } = settings.profile;
  const path = dataContainer === undefined ? undefined : await findState(docker, dataContainer);
  return path === undefined ? settings : { ...settings, stateDir: path };
}
