import { expect, it } from 'vitest';
import { drawAddressSettings } from './settings.ts';
import { runAddressTrial } from './trial.ts';

/** A few seeds, bounded in time; `npm run sim:addresses` runs as many as there is time for. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

it.each(SEEDS)('seed %i never gives one address to two, and loses none', seed => {
  expect(runAddressTrial(drawAddressSettings(seed, { minutes: 1 })).violation).toBeUndefined();
});

/** Runs that failed once: a host that was told of nobody founded a second mesh; one that had left went on giving space. */
it.each([19, 26])('seed %i holds every invariant in its own size', seed => {
  expect(runAddressTrial(drawAddressSettings(seed, {})).violation).toBeUndefined();
});
