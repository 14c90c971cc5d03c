import type { Mac } from '../address.ts';
import type { Division } from './custody.ts';
import { type HeldRange, type Range, rangeOf } from './range.ts';

/** What the seed called `name` gets of the universe at first; nothing for anybody else. */
export function shareOf({ universe, seeds }: Division, name: Mac): readonly HeldRange[] {
  const index = seeds.indexOf(name);
  if (index < 0) return [];
  const share = part(rangeOf(universe), index, seeds.length);
  return share.end > share.start ? [{ ...share, version: 0 }] : [];
}

function part({ start, end }: Range, index: number, count: number): Range {
  const edge = (number: number): number => start + Math.floor(((end - start) * number) / count);
  return { start: edge(index), end: edge(index + 1) };
}
