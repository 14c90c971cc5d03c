import { ok, type Problem, refuse } from '../../src/core/errors.ts';
import type { Batch, Store } from '../../src/ports/store.ts';

/** A disk in memory that outlives its stores. */
export interface FakeDisk {
  open(): Store;
  /** The process ends at once: of what is not synced, the first `kept` batches are on disk, the rest is gone. */
  crash(kept?: number): void;
  /** While held, commits are written but not synced, and don't resolve. */
  hold(held: boolean): void;
  /** A full disk still takes `reserve` bytes of keys and values. */
  fill(full: boolean): void;
  /** What `load` refuses with from now on. */
  refuse(problem: Problem | undefined): void;
}

interface Waiting {
  readonly batch: Batch;
  readonly resolve: () => void;
}

const RESERVE_BYTES = 1024 * 1024;
const PATH = '/fake';

export function createFakeDisk(): FakeDisk {
  const records = new Map<string, Uint8Array>();
  let waiting: Waiting[] = [];
  let held = false;
  let full = false;
  let reserve = RESERVE_BYTES;
  let problem: Problem | undefined;
  let owner: Store | undefined;

  function write(batch: Batch): void {
    for (const [key, value] of batch) {
      if (value === undefined) records.delete(key);
      else records.set(key, value);
    }
  }

  function sync(): void {
    while (!held && waiting[0] !== undefined) {
      const { batch, resolve } = waiting[0];
      const size = [...batch].reduce((sum, [key, value]) => sum + key.length + (value?.length ?? 0), 0);
      if (full && size > reserve) return;
      if (full) reserve -= size;
      waiting.shift();
      write(batch);
      resolve();
    }
  }

  function open(): Store {
    const store: Store = {
      async load() {
        if (owner !== undefined) return refuse({ code: 'router-running', how: `a store uses ${PATH}` });
        if (problem !== undefined) return refuse(problem);
        if (full && records.size === 0) return refuse({ code: 'state-full', path: PATH });
        owner = store;
        return ok({ records: new Map(records), repaired: undefined });
      },
      commit(batch) {
        if (owner !== store) throw new Error('the store is not open');
        const copy = new Map([...batch].map(([key, value]) => [key, value && new Uint8Array(value)]));
        return new Promise(resolve => {
          waiting.push({ batch: copy, resolve });
          queueMicrotask(sync);
        });
      },
      trouble: () => (full ? { code: 'state-full', path: PATH } : undefined),
      async close() {
        sync();
        if (owner !== store) return;
        owner = undefined;
        waiting = [];
      },
    };
    return store;
  }

  return {
    open,
    crash(kept = 0) {
      for (const { batch } of waiting.slice(0, kept)) write(batch);
      waiting = [];
      owner = undefined;
    },
    hold(next) {
      held = next;
      sync();
    },
    fill(next) {
      full = next;
      if (!full) reserve = RESERVE_BYTES;
      sync();
    },
    refuse(next) {
      problem = next;
    },
  };
}
