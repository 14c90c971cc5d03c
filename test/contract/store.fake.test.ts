import { expect, test } from 'vitest';
import { createFakeDisk } from '../support/fake-store.ts';
import { storeContract } from './store.contract.ts';

storeContract('fake', async () => {
  const disk = createFakeDisk();
  return {
    open: disk.open,
    fill: async () => disk.fill(true),
    free: async () => disk.fill(false),
    makeNewer: async () => disk.refuse({ code: 'state-newer', path: '/fake', version: 2, known: 1 }),
    makeUnwritable: async () => disk.refuse({ code: 'state-unwritable', path: '/fake', why: 'read-only' }),
    dispose: async () => undefined,
  };
});

test('a crash of the fake keeps as much of what was not synced as it is told to', async () => {
  for (const [kept, expected] of [
    [0, 'synced'],
    [1, 'first'],
    [2, 'second'],
  ] as const) {
    const disk = createFakeDisk();
    const store = disk.open();
    await store.load();
    await store.commit(new Map([['key', Buffer.from('synced')]]));
    disk.hold(true);
    let settled = false;
    for (const word of ['first', 'second']) {
      void store.commit(new Map([['key', Buffer.from(word)]])).then(() => {
        settled = true;
      });
    }
    await Promise.resolve();
    disk.crash(kept);
    disk.hold(false);
    const loaded = await disk.open().load();
    expect(loaded.ok && Buffer.from(loaded.value.records.get('key') ?? []).toString()).toBe(expected);
    expect(settled).toBe(false);
  }
});
