import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Lock, lockDirectory } from '../../../../src/adapters/file/lock.ts';

describe('lock of the state directory', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mst-lock-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function take(path = directory): Promise<Lock> {
    const taken = await lockDirectory(path);
    if (!taken.ok) throw new Error(taken.problem.code);
    return taken.value;
  }

  test('is taken once, and again after its release', async () => {
    const lock = await take();
    expect(await lockDirectory(directory)).toEqual({
      ok: false,
      problem: { code: 'router-running', how: `process ${process.pid} uses ${directory}` },
    });
    await lock.release();
    await (await take()).release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('of many at once exactly one gets it', async () => {
    for (let round = 0; round < 20; round += 1) {
      const results = await Promise.all(Array.from({ length: 8 }, () => lockDirectory(directory)));
      const taken = results.flatMap(result => (result.ok ? [result.value] : []));
      expect(taken).toHaveLength(1);
      for (const lock of taken) await lock.release();
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  test('one who hangs up without a word is waited for', async () => {
    const name = join(directory, 'lock-0000000000000000');
    const ending = createServer(socket => socket.end());
    await new Promise<void>(resolve => ending.listen(name, resolve));
    const taken = lockDirectory(directory);
    await new Promise(resolve => setTimeout(resolve, 100));
    await new Promise(resolve => ending.close(resolve));
    const result = await taken;
    expect(result.ok).toBe(true);
    if (result.ok) await result.value.release();
  });

  test('one who listens and says nothing holds it', async () => {
    const silent = createServer();
    await new Promise<void>(resolve => silent.listen(join(directory, 'lock-0123456789abcdef'), resolve));
    expect(await lockDirectory(directory)).toMatchObject({ problem: { code: 'router-running' } });
    await new Promise(resolve => silent.close(resolve));
  });

  test('works where the path is longer than that of a socket may be', async () => {
    const deep = join(directory, 'd'.repeat(100), 'e'.repeat(100));
    mkdirSync(deep, { recursive: true });
    const lock = await take(deep);
    expect(await lockDirectory(deep)).toMatchObject({ problem: { code: 'router-running' } });
    await lock.release();
  });
});
