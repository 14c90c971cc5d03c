import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import { until } from '../support/until.ts';

/** One disk, and what can befall it. */
export interface StoreHarness {
  /** Another store on the same disk. */
  open(): Store;
  /** Takes all the space that is free. */
  fill(): Promise<void>;
  free(): Promise<void>;
  /** Puts there what a newer version wrote. */
  makeNewer(): Promise<void>;
  makeUnwritable(): Promise<void>;
  dispose(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const set = (key: string, value: string) => new Map([[key, bytes(value)]]);

async function loadFrom(store: Store): Promise<Record<string, string>> {
  const loaded = await store.load();
  if (!loaded.ok) throw new Error(`refused: ${loaded.problem.code}`);
  expect(loaded.value.repaired).toBeUndefined();
  return Object.fromEntries([...loaded.value.records].map(([k, v]) => [k, new TextDecoder().decode(v)]));
}

/** What every store must do (src/ports/store.ts). */
export function storeContract(name: string, make: () => Promise<StoreHarness>): void {
  describe(`store: ${name}`, () => {
    let disk: StoreHarness;
    const opened: Store[] = [];
    const open = (): Store => {
      const store = disk.open();
      opened.push(store);
      return store;
    };

    beforeEach(async () => {
      disk = await make();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(store => store.close()));
      await disk.dispose();
    });

    test('begins empty and gives back what was committed', async () => {
      const store = open();
      expect(await loadFrom(store)).toEqual({});
      await store.commit(
        new Map([
          ['a', bytes('1')],
          ['', bytes('no key')],
          ['empty', new Uint8Array()],
          ['ключ', bytes('b')],
        ]),
      );
      await store.commit(set('a', '2'));
      await store.commit(new Map());
      await store.commit(new Map([['ключ', undefined]]));
      await store.close();
      expect(await loadFrom(open())).toEqual({ a: '2', '': 'no key', empty: '' });
    });

    test('keeps the order of batches, also of those that share an fsync', async () => {
      const store = open();
      await loadFrom(store);
      const done: number[] = [];
      const commits = Array.from({ length: 500 }, (_, index) =>
        store.commit(set('last', `${index}`)).then(() => done.push(index)),
      );
      await Promise.all(commits);
      expect(done).toEqual(Array.from({ length: 500 }, (_, index) => index));
      await store.close();
      expect(await loadFrom(open())).toEqual({ last: '499' });
    });

    test('goes on after a load', async () => {
      for (const word of ['a', 'b', 'c']) {
        const store = open();
        await loadFrom(store);
        await store.commit(set(word, word));
        await store.close();
      }
      expect(await loadFrom(open())).toEqual({ a: 'a', b: 'b', c: 'c' });
    });

    test('keeps what a value was at the time of the commit, and lets nobody change what it holds', async () => {
      const store = open();
      await loadFrom(store);
      const value = bytes('before');
      const committed = store.commit(new Map([['a', value]]));
      value.fill(0);
      await committed;
      await store.close();
      expect(await loadFrom(open())).toEqual({ a: 'before' });
    });

    test('takes a large batch whole', async () => {
      const store = open();
      await loadFrom(store);
      const large = Array.from({ length: 3000 }, (_, index) => [`k${index}`, 'x'.repeat(500)] as const);
      await store.commit(new Map(large.map(([key, value]) => [key, bytes(value)])));
      await store.close();
      expect(await loadFrom(open())).toEqual(Object.fromEntries(large));
    });

    test('close waits for what was committed before it', async () => {
      const store = open();
      await loadFrom(store);
      void store.commit(set('a', '1'));
      void store.commit(set('b', '2'));
      await store.close();
      expect(await loadFrom(open())).toEqual({ a: '1', b: '2' });
    });

    test('refuses a second store on the same disk until the first is closed', async () => {
      const first = open();
      await loadFrom(first);
      expect(await open().load()).toMatchObject({ ok: false, problem: { code: 'router-running' } });
      await first.commit(set('a', '1'));
      await first.close();
      expect(await loadFrom(open())).toEqual({ a: '1' });
    });

    test('refuses what a newer version wrote', async () => {
      const store = open();
      await loadFrom(store);
      await store.commit(set('a', '1'));
      await store.close();
      await disk.makeNewer();
      expect(await open().load()).toMatchObject({ ok: false, problem: { code: 'state-newer' } });
    });

    test('refuses where it can not write', async () => {
      await disk.makeUnwritable();
      expect(await open().load()).toMatchObject({ ok: false, problem: { code: 'state-unwritable' } });
    });

    test('refuses to begin on a full disk', async () => {
      await disk.fill();
      expect(await open().load()).toMatchObject({ ok: false, problem: { code: 'state-full' } });
    });

    test('a disk that fills up is told early; small commits go on; all is there once it has room', async () => {
      const store = open();
      await loadFrom(store);
      await store.commit(set('before', '1'));
      await disk.fill();
      for (let index = 0; index < 14; index += 1) await store.commit(set('bulk', 'x'.repeat(50_000)));
      await until(
        () => store.trouble(),
        () => 'trouble told',
      );
      expect(store.trouble()?.code).toBe('state-full');
      await store.commit(new Map([['before', undefined]]));

      let settled = false;
      const large = store.commit(set('large', 'y'.repeat(2_000_000))).then(() => {
        settled = true;
      });
      const after = store.commit(set('after', '2'));
      await until(
        () => store.trouble(),
        () => 'still in trouble',
      );
      expect(settled).toBe(false);
      await disk.free();
      await Promise.all([large, after]);
      await until(
        () => (store.trouble() === undefined ? true : undefined),
        () => 'trouble over',
      );
      await store.close();
      const records = await loadFrom(open());
      expect(Object.keys(records).sort()).toEqual(['after', 'bulk', 'large']);
      expect(records['large']).toHaveLength(2_000_000);
    });

    test('close ends while the disk is full, too, and what was not durable is not there', async () => {
      const store = open();
      await loadFrom(store);
      await store.commit(set('before', '1'));
      await disk.fill();
      let settled = false;
      void store.commit(set('large', 'y'.repeat(2_000_000))).then(() => {
        settled = true;
      });
      await until(
        () => store.trouble(),
        () => 'trouble told',
      );
      await store.close();
      expect(settled).toBe(false);
      await disk.free();
      expect(await loadFrom(open())).toEqual({ before: '1' });
    });

    test('a store that is full can be loaded, and says so', async () => {
      const store = open();
      await loadFrom(store);
      await disk.fill();
      for (let index = 0; index < 14; index += 1) await store.commit(set('bulk', 'x'.repeat(50_000)));
      await store.close();
      const again = open();
      expect(Object.keys(await loadFrom(again))).toEqual(['bulk']);
      expect(again.trouble()?.code).toBe('state-full');
      await again.commit(set('small', '1'));
      await disk.free();
      await until(
        () => (again.trouble() === undefined ? true : undefined),
        () => 'trouble over',
      );
    });
  });
}
