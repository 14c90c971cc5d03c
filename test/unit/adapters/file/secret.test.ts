import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readOrMakeSecret, readSecret, writeSecret } from '../../../../src/adapters/file/secret.ts';
import { createFakeLog } from '../../../support/fake-log.ts';

describe('secret', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mst-secret-'));
    path = join(directory, 'identity');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const mode = (): number => statSync(path).mode & 0o777;

  test('is made once and then read', async () => {
    const log = createFakeLog();
    const made = await readOrMakeSecret(path, async () => Uint8Array.of(1, 2, 3), log);
    const read = await readOrMakeSecret(path, async () => Uint8Array.of(9), log);
    expect(made).toEqual({ ok: true, value: Uint8Array.of(1, 2, 3) });
    expect(read).toEqual(made);
    expect(mode()).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['identity']);
    expect(log.lines).toEqual([]);
  });

  test('is replaced whole, closed to others whatever was there', async () => {
    writeFileSync(path, 'a longer one than the next', { mode: 0o644 });
    expect(await writeSecret(path, Buffer.from('next'))).toEqual({ ok: true, value: undefined });
    expect(await readSecret(path, createFakeLog())).toEqual({
      ok: true,
      value: new Uint8Array(Buffer.from('next')),
    });
    expect(mode()).toBe(0o600);
  });

  test('that others could read is closed to them, and it is said', async () => {
    for (const open of [0o640, 0o604, 0o666]) {
      const log = createFakeLog();
      writeFileSync(path, 'secret');
      chmodSync(path, open);
      expect((await readSecret(path, log)).ok).toBe(true);
      expect(mode()).toBe(0o600);
      expect(log.lines).toMatchObject([{ level: 'warn', data: { path } }]);
      expect(JSON.stringify(log.lines)).not.toContain('"secret"');
    }
  });

  test('that is missing is undefined; empty, a folder or below a file is refused', async () => {
    const log = createFakeLog();
    expect(await readSecret(path, log)).toEqual({ ok: true, value: undefined });
    writeFileSync(path, '');
    expect(await readSecret(path, log)).toMatchObject({ problem: { code: 'state-damaged' } });
    const below = join(path, 'below');
    expect(await readSecret(below, log)).toMatchObject({ problem: { code: 'state-unwritable' } });
    expect(await writeSecret(below, Uint8Array.of(1))).toMatchObject({
      problem: { code: 'state-unwritable' },
    });
    rmSync(path);
    mkdirSync(path, { mode: 0o700 });
    expect(await readSecret(path, log)).toMatchObject({ problem: { code: 'state-unwritable' } });
  });
});
