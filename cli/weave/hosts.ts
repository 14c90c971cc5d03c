import { appendFileSync } from 'node:fs';
import { ok, type Result, refuse } from '../../src/core/errors.ts';
import { type Context, placeSettings } from '../context.ts';
import { dockerAt, dockerReason } from '../docker.ts';
import { withFile } from '../files.ts';
import { addressOf } from './addresses.ts';

export interface ExtraHosts {
  readonly rewriteHosts?: boolean;
  /** `NAME:ADDRESS` each. */
  readonly addHost?: readonly string[];
}

/**
 * Puts a container's addresses on the mesh, and what else was named, at the end of its /etc/hosts. The engine keeps that file on
 * this host; it shows in the container since it stays the same one.
 */
export async function rewriteHosts(
  context: Context,
  container: string,
  addresses: readonly string[],
  { addHost = [] }: ExtraHosts,
): Promise<Result<void>> {
  const settings = placeSettings(context);
  if (!settings.ok) return settings;
  const format = '{{.HostsPath}}\t{{.Config.Hostname}}\t{{.Config.Domainname}}';
  const found = await dockerAt(settings.value).run('container', 'inspect', '--format', format, container);
  if (found.status !== 0) return refuse({ code: 'docker-refused', container, why: dockerReason(found) });
  const [path = '', host = '', domain = ''] = found.stdout.trim().split('\t');
  const names = domain === '' ? host : `${host}.${domain}\t${host}`;
  const lines = [
    ...addresses.map(address => `${addressOf(address)}\t${names}`),
    ...addHost.map(entry => {
      const [name = '', address = ''] = entry.split(/:(.*)/s);
      return `${address}\t${name}`;
    }),
  ];
  return lines.length === 0 || path === ''
    ? ok(undefined)
    : withFile(path, () => appendFileSync(path, `${lines.join('\n')}\n`));
}
