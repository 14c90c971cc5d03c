import { describe, expect, it } from 'vitest';
import { hunt, planted } from './faults/hunt.ts';
import { PLANTED_FAULTS } from './faults/planted.ts';
import { ADDRESS_FAULTS } from './ipam/planted.ts';

/** Those that show within seconds, and the first seed to try; `npm run sim:faults` and `npm run sim:mutants` plant all. */
const FAST = new Map([
  ['write told before it is durable', 1],
  ['deletion undone by a peer long away', 1],
  ['snapshot merged instead of replacing', 1],
]);
const FAST_WITH_ADDRESSES = new Map([
  ['grant before persist', 1],
  ['promise not durable', 60],
  ['removed peer not fenced', 3],
  ['quarantine skipped', 9],
  ['grant dropped with its message', 1],
  ['claim while a grant is under way', 8],
  ['range split off by one', 1],
  ["free of another's address", 1],
]);

const CAMPAIGNS = [
  { campaign: 'test/sim/main.ts', faults: PLANTED_FAULTS, firsts: FAST },
  { campaign: 'test/sim/ipam/main.ts', faults: ADDRESS_FAULTS, firsts: FAST_WITH_ADDRESSES },
] as const;

describe.each(CAMPAIGNS)('$campaign', ({ campaign, faults, firsts }) => {
  it.each([...firsts])('finds: %s', (name, first) => {
    const fault = faults.find(other => other.name === name)!;
    const { seed, unsound } = hunt(fault, { campaign, first, seeds: 40 });
    expect(seed).toBeDefined();
    expect(unsound).toEqual([]);
  });
});

it.each([...PLANTED_FAULTS, ...ADDRESS_FAULTS])('can be planted still: $name', fault => {
  expect(planted(fault).size).toBeGreaterThan(0);
});
