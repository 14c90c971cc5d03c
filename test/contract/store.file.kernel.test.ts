import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { encodeHeader } from '../../src/adapters/file/codec.ts';
import { createFileStore } from '../../src/adapters/file/store.ts';
import { createFakeLog } from '../support/fake-log.ts';
import { until } from '../support/until.ts';
import { storeContract } from './store.contract.ts';

const DISK_BYTES = 16 * 1024 * 1024;

/** A file system of its own, in memory and small. */
function mountDisk(): { path: string; unmount(): void } {
  const path = mkdtempSync(join(tmpdir(), 'mst-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'mst-disk', path]);
  return {
    path,
    unmount() {
      execFileSync('umount', ['--lazy', path]);
      rmSync(path, { recursive: true });
    },
  };
}

function fillDisk(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  writeFileSync(join(path, 'ballast'), Buffer.alloc(bavail * bsize, 1));
}

storeContract('files', async () => {
  const disk = mountDisk();
  const directory = join(disk.path, 'state');
  return {
    open: () => createFileStore({ directory, log: createFakeLog() }),
    fill: async () => fillDisk(disk.path),
    free: async () => rmSync(join(disk.path, 'ballast')),
    makeNewer: async () => writeFileSync(join(directory, '7.journal'), encodeHeader('jrnl', 2)),
    makeUnwritable: async () => {
      execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    },
    dispose: async () => disk.unmount(),
  };
});

/** Commits 1, 2, 3 ... under each of two keys in one batch, and prints each number once it is durable. */
const WRITER = `
  import { createFileStore } from '${new URL('../../src/adapters/file/store.ts', import.meta.url).pathname}';
  const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
  const store = createFileStore({ directory: process.argv[1], log: quiet });
  const loaded = await store.load();
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problem));
  let count = Number(Buffer.from(loaded.value.records.get('a') ?? []).toString().trim());
  const commit = async () => {
    for (;;) {
      count += 1;
      const mine = count;
      const value = Buffer.from(String(mine).padEnd(40_000));
      await store.commit(new Map([['a', value], ['b', value], ['c' + (mine % 20), value]]));
      process.stdout.write(mine + '\\n');
    }
  };
  process.stdout.write('ready\\n');
  await Promise.all([commit(), commit(), commit()]);
`;

/** Runs the writer until it has told `commits` of them and `delayMs` more; gives the last one told. */
async function killWriter(directory: string, commits: number, delayMs: number): Promise<number> {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', WRITER, directory]);
  const closed = once(child, 'close');
  let output = '';
  let errors = '';
  child.stdout.on('data', data => {
    output += data;
  });
  child.stderr.on('data', data => {
    errors += data;
  });
  const lines = (): string[] => output.split('\n').slice(0, -1);
  try {
    await until(
      () => (lines().length > commits ? true : undefined),
      () => `${commits} commits; the writer said: ${errors}`,
      60_000,
    );
    await sleep(delayMs);
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
  return Math.max(0, ...lines().slice(1).map(Number));
}

test('fifty kills at any moment lose nothing that was told to be durable, and no half batch shows', {
  timeout: 300_000,
}, async () => {
  const disk = mountDisk();
  const directory = join(disk.path, 'state');
  mkdirSync(directory);
  let compactions = 0;
  let told = 0;
  try {
    for (let round = 0; round < 50; round += 1) {
      told = Math.max(told, await killWriter(directory, round % 12, (round * 7) % 10));
      const store = createFileStore({ directory, log: createFakeLog() });
      const loaded = await store.load();
      if (!loaded.ok) throw new Error(loaded.problem.code);
      const text = (key: string) =>
        Buffer.from(loaded.value.records.get(key) ?? [])
          .toString()
          .trim();
      const count = Number(text('a'));
      expect(text('b')).toBe(text('a'));
      expect(count).toBeGreaterThanOrEqual(told);
      expect(text(`c${count % 20}`)).toBe(count === 0 ? '' : text('a'));
      await store.close();
      compactions = Math.max(
        compactions,
        ...readdirSync(directory).map(name => Number.parseInt(name, 10) || 0),
      );
      expect(readdirSync(directory).filter(name => name.startsWith('lock-'))).toEqual([]);
    }
    expect(told).toBeGreaterThan(250);
    expect(compactions).toBeGreaterThan(5);
  } finally {
    disk.unmount();
  }
});

test('a snapshot is made where the journal has grown, and two generations are kept', async () => {
  const disk = mountDisk();
  const directory = join(disk.path, 'state');
  try {
    const store = createFileStore({ directory, log: createFakeLog() });
    await store.load();
    const names = () => readdirSync(directory).map(name => name.split('.'));
    const last = () => Math.max(...names().map(([number = '']) => Number.parseInt(number, 10) || 0));
    for (let round = 0; round < 8; round += 1) {
      const before = last();
      for (let index = 25 * round; index < 25 * (round + 1); index += 1)
        await store.commit(new Map([[`k${index % 7}`, Buffer.alloc(50_000, index)]]));
      // Not while the reserve is filled up: some later commit begins it.
      await until(
        async () => {
          await store.commit(new Map([['small', Buffer.from('1')]]));
          return last() > before || undefined;
        },
        () => `no snapshot after round ${round}; there is ${names().join(' ')}`,
      );
    }
    await store.commit(new Map([['small', undefined]]));
    await store.close();
    const generations = names();
    const newest = last();
    expect(generations.map(parts => parts.join('.')).sort()).toEqual(
      [newest - 1, newest].flatMap(number => [`${number}.journal`, `${number}.snapshot`]).sort(),
    );
    // With the newest snapshot gone bad, the one before and the journals give the same.
    const before = readFileSync(join(directory, `${newest}.snapshot`));
    before[before.length >> 1] = (before[before.length >> 1] ?? 0) ^ 1;
    writeFileSync(join(directory, `${newest}.snapshot`), before);
    const again = createFileStore({ directory, log: createFakeLog() });
    const loaded = await again.load();
    if (!loaded.ok) throw new Error(loaded.problem.code);
    expect(loaded.value.repaired).toBe(`${newest}.snapshot is damaged`);
    expect([...loaded.value.records].map(([key, value]) => [key, value[0]]).sort()).toEqual(
      [193, 194, 195, 196, 197, 198, 199].map(index => [`k${index % 7}`, index]).sort(),
    );
    await again.close();
    const third = createFileStore({ directory, log: createFakeLog() });
    const mended = await third.load();
    expect(mended).toMatchObject({ ok: true, value: { repaired: undefined } });
    await third.close();
  } finally {
    disk.unmount();
  }
});
