import { expect, it } from 'vitest';
import { hunt } from './faults/hunt.ts';
import { PLANTED_FAULTS } from './faults/planted.ts';

/** Those that show within seconds; `npm run sim:faults` plants all. */
const FAST = [
  'write told before it is durable',
  'deletion undone by a peer long away',
  'snapshot merged instead of replacing',
];

it.each(PLANTED_FAULTS.filter(({ name }) => FAST.includes(name)))('finds: $name', fault => {
  expect(hunt(fault, { campaign: 'test/sim/main.ts', seeds: 40 }).seed).toBeDefined();
});
