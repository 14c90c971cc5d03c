import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readOrMakeSecret, readSecret, writeSecret } from '../adapters/file/secret.ts';
import { type Identity, makeIdentity, openIdentity } from '../adapters/libp2p/identity.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import type { Log } from '../ports/log.ts';

export const IDENTITY_FILE = 'identity.key';

/** SHA-256. */
export function hash(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

/**
 * The identity of this host; made at its first start. One whose facts are lost is not taken up again: others may hold
 * what it gave away, and it would give that away a second time. Refuses as `readOrMakeSecret`, and with `state-damaged`.
 */
export async function loadIdentity(stateDir: string, hasFacts: boolean, log: Log): Promise<Result<Identity>> {
  const path = join(stateDir, IDENTITY_FILE);
  const key = hasFacts
    ? await readOrMakeSecret(path, async () => makeIdentity(), log)
    : await renew(path, log);
  if (!key.ok) return key;
  const identity = openIdentity(key.value);
  return identity.ok ? identity : refuse({ code: 'state-damaged', path, why: 'it is no identity key' });
}

async function renew(path: string, log: Log): Promise<Result<Uint8Array>> {
  if (existsSync(path)) log.warn('this host stored nothing under its identity: it gets a new one', { path });
  const made = makeIdentity();
  const written = await writeSecret(path, made);
  return written.ok ? ok(made) : written;
}

/** The password in a file, without the line feed that editors leave at its end; undefined where there is no file. */
export async function loadPassword(path: string | undefined, log: Log): Promise<Result<string | undefined>> {
  if (path === undefined) return ok(undefined);
  const secret = await readSecret(path, log);
  if (!secret.ok) return secret;
  if (secret.value === undefined)
    return refuse({ code: 'state-damaged', path, why: 'there is no such file' });
  return ok(
    Buffer.from(secret.value)
      .toString()
      .replace(/\r?\n$/, ''),
  );
}
