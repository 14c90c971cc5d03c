import { readFile, writeFile } from 'node:fs/promises';
import type { Ipv4 } from '../../core/address.ts';

/**
 * Has the /etc/hosts that an engine keeps for a container say `addresses` for the container's own names, in the place of what the
 * engine says there. The file stays the same one: it is mounted in the container.
 */
export async function rewriteHosts(
  path: string,
  names: readonly string[],
  addresses: readonly Ipv4[],
): Promise<void> {
  const before = (await readFile(path, 'utf8')).split('\n').filter(line => line !== '');
  const kept = before.filter(
    line =>
      !line
        .split(/\s+/)
        .slice(1)
        .some(name => names.includes(name)),
  );
  const own = addresses.map(address => `${address}\t${names.join(' ')}`);
  await writeFile(path, `${[...own, ...kept].join('\n')}\n`);
}
