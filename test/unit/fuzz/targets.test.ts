import { describe, expect, it } from 'vitest';
import { fuzz, keptSeeds, trial } from '../../fuzz/campaign.ts';
import { createRandom, mutate } from '../../fuzz/mutator.ts';
import type { Target } from '../../fuzz/target.ts';
import { TARGETS } from '../../fuzz/targets.ts';

describe.each(Object.entries(TARGETS))('foreign bytes: %s', (name, target) => {
  it.each(keptSeeds(name))('reads without harm what did harm once: %#', async seed => {
    expect(await trial(target, seed)).toBeUndefined();
  });

  it('are read without harm', async () => {
    const { inputs, failure } = await fuzz(name, target, { seconds: 1, seed: 20_26 });
    const input = Buffer.from(failure?.input ?? []).toString('base64');
    expect(failure?.why, input).toBeUndefined();
    expect(inputs).toBeGreaterThan(100);
  });
});

describe('a campaign', () => {
  const harmful = (read: Target['read']): Target => ({ ...TARGETS['wire']!, read });

  it('finds what throws, what is slow and what keeps memory', async () => {
    const options = { seconds: 0, seed: 1 };
    const throws = harmful(bytes => {
      if (bytes.length % 7 === 3) throw new RangeError('found');
    });
    expect((await fuzz('wire', throws, options)).failure?.why).toMatch(/^found\n/);
    const slow = harmful(() => {
      for (const end = process.threadCpuUsage().user + 30_000; process.threadCpuUsage().user < end; );
    });
    expect((await fuzz('wire', slow, options)).failure?.why).toMatch(/^it took /);
    const kept: Uint8Array[] = [];
    const keeps = harmful(() => void kept.push(new Uint8Array(200_000)));
    expect((await fuzz('wire', keeps, options)).failure?.why).toMatch(/^the heap has grown/);
  });

  it('makes the same inputs of the same seed', () => {
    const base = Uint8Array.from({ length: 64 }, (_, index) => index);
    const made = (seed: number): string => {
      const random = createRandom(seed);
      return Array.from({ length: 50 }, () => Buffer.from(mutate(base, base, random)).toString('hex')).join();
    };
    expect(made(7)).toBe(made(7));
    expect(made(7)).not.toBe(made(8));
  });
});
