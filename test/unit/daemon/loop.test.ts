import { describe, expect, it } from 'vitest';
import type { Effect, Input } from '../../../src/core/host/step.ts';
import type { Host } from '../../../src/core/host.ts';
import { Loop } from '../../../src/daemon/loop.ts';
import type { Batch, Store } from '../../../src/ports/store.ts';
import { createFakeLog } from '../../support/fake-log.ts';

/** A loop over a host that stores one record for each command, and a disk that is done when it is told to be. */
function stage() {
  const commits: { readonly keys: readonly string[]; readonly done: () => void }[] = [];
  const store = {
    commit: (batch: Batch) =>
      new Promise<void>(resolve => void commits.push({ keys: [...batch.keys()], done: resolve })),
    trouble: () => undefined,
  } as unknown as Store;
  const step = (input: Input): readonly Effect[] => {
    if (input.kind !== 'command') return [];
    const { ticket } = input;
    return [
      { kind: 'persist', records: new Map([[`${ticket}`, new Uint8Array()]]) },
      { kind: 'reply', ticket, result: { ok: true, value: { addresses: [], detached: [] } } },
    ];
  };
  const loop = new Loop({ step } as unknown as Host, {
    clock: { now: () => 0, after: () => () => {} },
    store,
    log: createFakeLog(),
    transport: {} as never,
    dataplane: {} as never,
    follow: () => {},
    publish: () => {},
    forwarded: () => {},
    networks: () => {},
    memberships: () => {},
    halt: () => {},
  });
  const answered: number[] = [];
  const ask = (name: number): Promise<unknown> => loop.ask({ kind: 'leave' }).then(() => answered.push(name));
  return { answered, ask, commits };
}

const settled = () => new Promise(resolve => setImmediate(resolve));

describe('effects', () => {
  it('that wait for the disk share one commit, and wait for none that comes later', async () => {
    const { answered, ask, commits } = stage();
    const first = ask(1);
    for (const name of [2, 3, 4]) void ask(name);
    await settled();
    expect(commits.map(({ keys }) => keys)).toEqual([['1']]);
    // Who is answered asks again at once.
    void first.then(() => ask(5));
    commits[0]!.done();
    await settled();
    expect(answered).toEqual([1]);
    expect(commits.map(({ keys }) => keys)).toEqual([['1'], ['2', '3', '4']]);
    commits[1]!.done();
    await settled();
    expect(answered).toEqual([1, 2, 3, 4]);
    expect(commits[2]!.keys).toEqual(['5']);
    commits[2]!.done();
    await settled();
    expect(answered).toEqual([1, 2, 3, 4, 5]);
  });
});
