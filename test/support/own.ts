import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { unmount } from '../../src/adapters/linux/libc.ts';
import { isNamespace } from '../../src/adapters/linux/namespace.ts';

/**
 * What tests make outside of namespaces bears the number of their process, so that the same tests may run twice at once on a
 * machine, and what is left of a process that was killed can be told.
 */
export const OWN = `mt${process.pid}-`;

/** The first three bytes of the addresses of loopback that are this process's alone: 127.64.0 to 127.127.255. */
export const OWN_LOOPBACK = `127.${64 + ((process.pid >> 8) & 63)}.${process.pid & 255}`;

/** What is in a folder of the machine, and is of a process that has ended. */
function abandonedIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const abandoned = readdirSync(folder).filter(name => {
    const pid = /^mt(\d+)-/.exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
  return abandoned.map(name => join(folder, name));
}

/** Removes what tests that were killed left of namespaces and folders. */
export function removeAbandoned(): void {
  for (const folder of abandonedIn(tmpdir())) {
    // A switch is pinned in it.
    const pin = join(folder, 'switch');
    while (isNamespace(pin)) unmount(pin);
    rmSync(folder, { recursive: true, force: true });
  }
  // Another process may be at it, too.
  for (const path of abandonedIn('/run/netns')) spawnSync('ip', ['netns', 'del', basename(path)]);
}
