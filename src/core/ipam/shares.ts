import type { Mac } from '../address.ts';
import { type HeldRange, type Range, rangeOf } from '../range.ts';
import type { Division } from './custody.ts';

/** A universe shorter than this is divided in each of its halves: one is the default network's, and everybody needs of both. */
const HALVED_PREFIX = 20;

/** What the seed called `name` gets of the universe at first; nothing for anybody else. */
export function shareOf({ universe, seeds }: Division, name: Mac): readonly HeldRange[] {
  const index = seeds.indexOf(name);
  if (index < 0) return [];
  const whole = rangeOf(universe);
  const pieces = universe.prefix < HALVED_PREFIX ? [0, 1].map(half => part(whole, half, 2)) : [whole];
  const shares = pieces.map(piece => part(piece, index, seeds.length));
  // Of the only seed it is one again.
  const joined = seeds.length === 1 ? [whole] : shares;
  return joined.filter(({ start, end }) => end > start).map(share => ({ ...share, version: 0 }));
}

function part({ start, end }: Range, index: number, count: number): Range {
  const edge = (number: number): number => start + Math.floor(((end - start) * number) / count);
  return { start: edge(index), end: edge(index + 1) };
}
