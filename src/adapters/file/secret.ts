import { type FileHandle, open } from 'node:fs/promises';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type { Log } from '../../ports/log.ts';
import { replaceFile } from './durable.ts';
import { fileProblem, isMissing } from './problems.ts';

/**
 * What a secret's file holds, undefined where there is none. A file that others may read is closed to them, and the
 * log says so. Refuses with `state-unwritable`; and with `state-damaged` where the file is empty, since an empty
 * password would be none.
 */
export async function readSecret(path: string, log: Log): Promise<Result<Uint8Array | undefined>> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) {
      await file.chmod(0o600);
      log.warn('a secret was readable by others; closed it to them, consider a new one', { path });
    }
    const bytes = await file.readFile();
    if (bytes.length === 0) return refuse({ code: 'state-damaged', path, why: 'it is empty' });
    return ok(new Uint8Array(bytes));
  } catch (error) {
    return isMissing(error) ? ok(undefined) : refuse(fileProblem(error, path));
  } finally {
    await file?.close();
  }
}

/** Puts a secret in place (mode 0600), durably, whole or not at all. Refuses with `state-unwritable`, `state-full`. */
export async function writeSecret(path: string, secret: Uint8Array): Promise<Result<void>> {
  try {
    await replaceFile(path, file => file.writeFile(secret));
    return ok(undefined);
  } catch (error) {
    return refuse(fileProblem(error, path));
  }
}

/** The secret at `path`, for which `make` is asked where there is none yet. Refuses as the two above. */
export async function readOrMakeSecret(
  path: string,
  make: () => Promise<Uint8Array>,
  log: Log,
): Promise<Result<Uint8Array>> {
  const found = await readSecret(path, log);
  if (!found.ok) return found;
  if (found.value !== undefined) return ok(found.value);
  const made = await make();
  const written = await writeSecret(path, made);
  return written.ok ? ok(made) : written;
}
