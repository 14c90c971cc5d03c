import { existsSync, mkdtempSync, rmdirSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileProblem } from '../../adapters/file/problems.ts';
import type { Problem } from '../../core/errors.ts';
import type { Space } from './check.ts';

/** What room there is for a directory, and whether it can be used: by making an empty one in there for a moment. */
export function spaceFor(directory: string): Space {
  let path = directory;
  while (!existsSync(path)) path = dirname(path);
  const { bavail, bsize, files, ffree } = statfsSync(path);
  return {
    path,
    exists: path === directory,
    freeBytes: bavail * bsize,
    // File systems that make inodes as they go count none.
    freeFiles: files === 0 ? Number.POSITIVE_INFINITY : ffree,
    unwritable: tryWriting(path),
  };
}

function tryWriting(path: string): Problem | undefined {
  try {
    rmdirSync(mkdtempSync(join(path, '.doctor-')));
    return undefined;
  } catch (error) {
    const problem = fileProblem(error, path);
    return problem.code === 'state-full' ? undefined : problem;
  }
}
