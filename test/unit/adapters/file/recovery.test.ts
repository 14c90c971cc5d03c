import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeBatch, encodeFrame, encodeHeader } from '../../../../src/adapters/file/codec.ts';
import { recover } from '../../../../src/adapters/file/recovery.ts';
import { writeSnapshot } from '../../../../src/adapters/file/snapshot.ts';
import { createFileStore } from '../../../../src/adapters/file/store.ts';
import { createFakeLog } from '../../../support/fake-log.ts';

/** Batch N sets `count` to N, and one key of three; both in one batch, so that half of it would show. */
const batch = (number: number) =>
  new Map([
    ['count', Buffer.from(`${number}`)],
    [`key${number % 3}`, Buffer.from(`value ${number}`)],
  ]);

/** The state after `count` batches, as text that compares. */
function stateAfter(count: number): string {
  const records = new Map<string, string>();
  for (let number = 1; number <= count; number += 1) {
    for (const [key, value] of batch(number)) records.set(key, `${value}`);
  }
  return show(records);
}

const show = (records: ReadonlyMap<string, unknown>): string =>
  [...records]
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(' ');

const frames = (from: number, to: number): Buffer[] =>
  Array.from({ length: to - from + 1 }, (_, index) =>
    encodeFrame(from + index, encodeBatch(batch(from + index))),
  );

const SPARE = Buffer.alloc(60);

describe('recovery', () => {
  let directory: string;
  const path = (name: string): string => join(directory, name);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mst-recovery-'));
    writeFileSync(path('1.journal'), Buffer.concat([encodeHeader('jrnl'), ...frames(1, 4), SPARE]));
    await snapshot(2, 4);
    writeFileSync(path('2.journal'), Buffer.concat([encodeHeader('jrnl'), ...frames(5, 7), SPARE]));
    await snapshot(3, 7);
    writeFileSync(path('3.journal'), Buffer.concat([encodeHeader('jrnl'), ...frames(8, 10), SPARE]));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function snapshot(generation: number, count: number): Promise<void> {
    const records = new Map<string, Uint8Array>();
    for (let number = 1; number <= count; number += 1) {
      for (const [key, value] of batch(number)) records.set(key, value);
    }
    await writeSnapshot(path(`${generation}.snapshot`), count, records);
  }

  /** What is loaded, as text that compares, and the notes; or the code of the refusal. */
  async function load(): Promise<{ state: string; notes: string }> {
    const recovered = await recover(directory);
    if (!recovered.ok) return { state: recovered.problem.code, notes: '' };
    const records = new Map([...recovered.value.records].map(([key, value]) => [key, Buffer.from(value)]));
    return { state: show(records), notes: recovered.value.notes.join('; ') };
  }

  test('takes the newest snapshot and what came after it', async () => {
    expect(await load()).toEqual({ state: stateAfter(10), notes: '' });
  });

  test('reads and changes nothing', async () => {
    const before = readdirSync(directory).map(name => readFileSync(path(name), 'hex'));
    await load();
    expect(readdirSync(directory).map(name => readFileSync(path(name), 'hex'))).toEqual(before);
  });

  test('any byte of a snapshot may be flipped: nothing is lost, and it is said', async () => {
    const whole = readFileSync(path('3.snapshot'));
    for (let offset = 0; offset < whole.length; offset += 1) {
      for (const bit of [1, 128]) {
        const flipped = Buffer.from(whole);
        flipped[offset] = flipped[offset]! ^ bit;
        writeFileSync(path('3.snapshot'), flipped);
        const { state, notes } = await load();
        expect(state, `offset ${offset}`).toBe(stateAfter(10));
        expect(notes).toBe('3.snapshot is damaged');
      }
    }
  });

  test('any byte of a journal may be flipped: what came before it is loaded, and it is said', async () => {
    const whole = readFileSync(path('3.journal'));
    const frameEnds = frames(8, 10).map((_, index) => 16 + Buffer.concat(frames(8, 8 + index)).length);
    for (let offset = 0; offset < whole.length; offset += 1) {
      const flipped = Buffer.from(whole);
      flipped[offset] = flipped[offset]! ^ 4;
      writeFileSync(path('3.journal'), flipped);
      const { state, notes } = await load();
      const hit = frameEnds.findIndex(end => offset < end);
      const kept = offset < 16 || hit < 0 ? 10 : 7 + hit;
      expect(state, `offset ${offset}`).toBe(stateAfter(kept));
      expect(notes, `offset ${offset}`).toMatch(
        offset < 16 ? /header/ : /bytes after batch \d+ in 3\.journal/,
      );
    }
  });

  test('bytes of the older generation may be flipped without a trace', async () => {
    for (const name of ['1.journal', '2.snapshot', '2.journal']) {
      const whole = readFileSync(path(name));
      for (let offset = 0; offset < whole.length; offset += 3) {
        const flipped = Buffer.from(whole);
        flipped[offset] = flipped[offset]! ^ 16;
        writeFileSync(path(name), flipped);
        expect(await load()).toEqual({ state: stateAfter(10), notes: '' });
      }
      writeFileSync(path(name), whole);
    }
  });

  test('a journal cut at any length gives whole batches only', async () => {
    const size = statSync(path('3.journal')).size;
    const seen = new Set<string>();
    for (let length = size; length >= 0; length -= 1) {
      truncateSync(path('3.journal'), length);
      const { state } = await load();
      expect([7, 8, 9, 10].map(stateAfter)).toContain(state);
      seen.add(state);
    }
    expect(seen.size).toBe(4);
  });

  test('a snapshot cut at any length gives way to the one before', async () => {
    for (let length = statSync(path('3.snapshot')).size - 1; length >= 0; length -= 1) {
      truncateSync(path('3.snapshot'), length);
      expect(await load()).toEqual({ state: stateAfter(10), notes: '3.snapshot is damaged' });
    }
  });

  test('without any good snapshot all journals from the first give the same', async () => {
    for (const name of ['2.snapshot', '3.snapshot']) writeFileSync(path(name), 'nonsense');
    expect((await load()).state).toBe(stateAfter(10));
  });

  test('refuses when no good copy is left, rather than to begin empty', async () => {
    rmSync(path('1.journal'));
    for (const name of ['2.snapshot', '3.snapshot']) writeFileSync(path(name), 'nonsense');
    expect((await load()).state).toBe('state-damaged');
  });

  test('a batch that does not follow is never carried out', async () => {
    writeFileSync(path('3.snapshot'), 'nonsense');
    writeFileSync(path('2.journal'), Buffer.concat([encodeHeader('jrnl'), ...frames(5, 5)]));
    const { state, notes } = await load();
    expect(state).toBe(stateAfter(5));
    expect(notes).toContain('bytes after batch 5 in 3.journal');
  });

  test('refuses a newer version in any file, believes no version in a damaged header', async () => {
    const newer = encodeHeader('jrnl', 9);
    writeFileSync(path('4.journal'), newer);
    expect((await load()).state).toBe('state-newer');
    newer[15] = newer[15]! ^ 1;
    writeFileSync(path('4.journal'), newer);
    expect((await load()).state).toBe(stateAfter(10));
  });

  test('a store that loaded damage mends it, goes on, and is whole the next time', async () => {
    const whole = readdirSync(directory).map(name => [name, readFileSync(path(name))] as const);
    for (const name of ['3.snapshot', '3.journal']) {
      const { size } = statSync(path(name));
      for (let offset = 5; offset < size; offset += 23) {
        for (const [file, content] of whole) writeFileSync(path(file), content);
        const flipped = readFileSync(path(name));
        flipped[offset] = flipped[offset]! ^ 2;
        writeFileSync(path(name), flipped);

        const store = createFileStore({ directory, log: createFakeLog() });
        const loaded = await store.load();
        expect(loaded).toMatchObject({ ok: true, value: { repaired: expect.any(String) } });
        const count = Number(loaded.ok && Buffer.from(loaded.value.records.get('count')!));
        await store.commit(batch(count + 1));
        await store.close();
        expect(await load()).toEqual({ state: stateAfter(count + 1), notes: '' });
        for (const file of readdirSync(directory)) rmSync(path(file));
      }
      for (const [file, content] of whole) writeFileSync(path(file), content);
    }
  });
});
