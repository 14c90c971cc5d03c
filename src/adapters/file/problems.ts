import type { Problem } from '../../core/errors.ts';

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  EIO: 'the disk failed',
};

/** A failed call on `path` as a problem. Anything but an error of the system is a bug and thrown on. */
export function fileProblem(error: unknown, path: string): Problem {
  if (!isSystemError(error)) throw error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return { code: 'state-full', path };
  return { code: 'state-unwritable', path, why: WORDS[error.code] ?? error.code };
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

export function isMissing(error: unknown): boolean {
  return isSystemError(error) && error.code === 'ENOENT';
}
