import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRandom } from '../../../../src/core/host/random.ts';
import { ROUND_MS, SizeSearch } from '../../../../src/core/paths/size.ts';

/** Runs one search to its end over a way that takes `limit` bytes; gives how many rounds it took. */
function run(search: SizeSearch, passes: (size: number) => boolean): number {
  let rounds = 0;
  for (let sizes = search.begin(); sizes.length > 0; sizes = search.next()) {
    rounds += 1;
    for (const size of sizes) if (passes(size)) search.answered(size);
    if (!search.isSearching || rounds > 50) break;
  }
  return rounds;
}

it('finds what a way takes, a little less at most, within four seconds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 576, max: 8_950 }), fc.integer({ min: 576, max: 9_500 }), (full, limit) => {
      const search = new SizeSearch(full);
      const rounds = run(search, size => size <= limit);
      expect(search.mtu).toBeLessThanOrEqual(Math.min(full, limit));
      expect(search.mtu).toBeGreaterThanOrEqual(Math.min(full, limit) * 0.98 - 8);
      expect(rounds * ROUND_MS).toBeLessThanOrEqual(4_000);
    }),
  );
});

it('follows a way that takes less, and more again', () => {
  const search = new SizeSearch(1_450);
  run(search, () => true);
  expect(search.mtu).toBe(1_450);
  run(search, size => size <= 700);
  expect(search.mtu).toBeGreaterThan(680);
  expect(search.mtu).toBeLessThanOrEqual(700);
  run(search, () => true);
  expect(search.mtu).toBe(1_450);
});

it('keeps a size although a fifth of all echoes is lost', () => {
  const random = createRandom(7);
  const search = new SizeSearch(1_450);
  run(search, () => true);
  for (let check = 0; check < 20_000; check += 1) {
    run(search, () => random.fraction() > 0.2);
    expect(search.mtu).toBe(1_450);
  }
});

it('says nothing of a way on which nothing is answered, or only the smallest', () => {
  const dead = new SizeSearch(1_450);
  expect(run(dead, () => false)).toBeGreaterThan(50);
  expect(dead.mtu).toBeUndefined();
  const narrow = new SizeSearch(1_450);
  run(narrow, size => size < 200);
  expect(narrow.mtu).toBeUndefined();
});
