import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Of a socket that is listened on, in /proc/net/unix. */
const LISTENING = '00010000';

/** The process that listens on a unix socket, also where it gives no answer; undefined where none is seen. */
export function socketHolder(path: string): number | undefined {
  const inodes = listening(
    quietly(() => readFileSync('/proc/net/unix', 'utf8'), ''),
    path,
  );
  const wanted = new Set(inodes.map(inode => `socket:[${inode}]`));
  const holder = quietly(() => readdirSync('/proc'), [])
    .filter(name => /^\d+$/.test(name))
    .find(pid => openFiles(join('/proc', pid, 'fd')).some(file => wanted.has(file)));
  return holder === undefined ? undefined : Number(holder);
}

function listening(text: string, path: string): readonly string[] {
  return text.split('\n').flatMap(line => {
    const [, , , flags, , , inode, bound] = line.trim().split(/\s+/);
    return flags === LISTENING && bound === path && inode !== undefined ? [inode] : [];
  });
}

const openFiles = (folder: string): readonly string[] =>
  quietly(() => readdirSync(folder), []).map(fd => quietly(() => readlinkSync(join(folder, fd)), ''));

/** Processes come and go while one looks. */
function quietly<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch {
    return otherwise;
  }
}
