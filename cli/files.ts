import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ok, type Result, refuse } from '../src/core/errors.ts';

/** Does something with a file; refuses with `state-full`, `no-permission`, `state-unwritable`. */
export function withFile<Value>(path: string, action: () => Value): Result<Value> {
  try {
    return ok(action());
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return refuse({ code: 'state-full', path });
    if (code === 'EACCES') return refuse({ code: 'no-permission', what: `use ${path}` });
    return refuse({ code: 'state-unwritable', path, why: WORDS[code ?? ''] ?? (code || message) });
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'it is a file',
};

export function makeDirectory(path: string, mode: number): Result<void> {
  return withFile(path, () => {
    try {
      mkdirSync(path, { recursive: true, mode });
    } catch (error) {
      // So it is said of a read-only file system, too; without `recursive` the reason is the true one.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(path, { mode });
    }
  });
}

/** Where a native router's log is, and what was kept of one that ran as a container. */
export function logFile(stateDir: string): string {
  return join(stateDir, 'router.log');
}

/** The last `length` bytes of a file from `start` on, as text; empty where there is none. */
export function readTail(path: string, start: number, length: number): string {
  if (!existsSync(path)) return '';
  const file = openSync(path, 'r');
  try {
    const from = Math.max(start, fstatSync(file).size - length);
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(file, buffer, 0, length, from)).toString();
  } finally {
    closeSync(file);
  }
}

const here = dirname(realpathSync(process.argv[1] ?? '.'));

/** The folder of the bundles: that of the command line, or `dist` beside it where it runs from its sources. */
export const DIST = existsSync(join(here, 'daemon.js')) ? here : join(here, '..', 'dist');

/** What a checkout is called by. */
export const LAUNCHER = join(DIST, '..', 'mesh');

/** The file that is the router. */
export const DAEMON = join(DIST, 'daemon.js');
