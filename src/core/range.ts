import { broadcastAddress, type Cidr, networkAddress, toNumber } from './address.ts';

/** A run of addresses as numbers: `start` is in it, `end` is not. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * A range in somebody's hands. `version` counts the hands that it has gone through: where two peers claim one address,
 * the one with the higher version had it later. Lists are sorted, and no address is in one twice.
 */
export interface HeldRange extends Range {
  readonly version: number;
}

export const sizeOf = ({ start, end }: Range): number => end - start;
export const totalOf = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, range) => sum + sizeOf(range), 0);

export function rangeOf(cidr: Cidr): Range {
  const start = toNumber(networkAddress(cidr)) ?? 0;
  return { start, end: (toNumber(broadcastAddress(cidr)) ?? 0) + 1 };
}

export const includes = ({ start, end }: Range, address: number): boolean =>
  address >= start && address < end;

export const overlaps = (a: Range, b: Range): boolean => a.start < b.end && b.start < a.end;

/** Those of `ranges`, which are sorted and don't overlap one another, that have addresses of `bounds`. */
export function touching<Kind extends Range>(ranges: readonly Kind[], bounds: Range): readonly Kind[] {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.end <= bounds.start) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < ranges.length && ranges[end]!.start < bounds.end) end += 1;
  return ranges.slice(low, end);
}

/** The parts of `ranges` that lie within `bounds`. */
export function within<Kind extends Range>(ranges: readonly Kind[], bounds: Range): readonly Kind[] {
  return ranges
    .filter(range => overlaps(range, bounds))
    .map(range => ({
      ...range,
      start: Math.max(range.start, bounds.start),
      end: Math.min(range.end, bounds.end),
    }));
}

/** `ranges` without the addresses of `gone`. */
export function without<Kind extends Range>(ranges: readonly Kind[], gone: Range): readonly Kind[] {
  return ranges.flatMap(range => {
    if (!overlaps(range, gone)) return [range];
    const left = { ...range, end: gone.start };
    const right = { ...range, start: gone.end };
    return [left, right].filter(part => sizeOf(part) > 0);
  });
}

/** Adds a range that overlaps none of `ranges`. Neighbours that went through as many hands become one. */
function withRange(ranges: readonly HeldRange[], added: HeldRange): readonly HeldRange[] {
  const joined: HeldRange[] = [];
  for (const range of [...ranges, added].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && last.end === range.start && last.version === range.version)
      joined[joined.length - 1] = { ...last, end: range.end };
    else joined.push(range);
  }
  return joined;
}

/** Adds what of a range `ranges` don't have yet: what is held already stays as it is. */
export function withMissing(ranges: readonly HeldRange[], added: HeldRange): readonly HeldRange[] {
  const missing = ranges.reduce<readonly HeldRange[]>((left, held) => without(left, held), [added]);
  return missing.reduce((all, part) => withRange(all, part), ranges);
}

/** Neighbours become one, with the higher version. */
export function joined(ranges: readonly HeldRange[]): readonly HeldRange[] {
  const all: HeldRange[] = [];
  for (const range of ranges) {
    const last = all.at(-1);
    if (last?.end === range.start)
      all[all.length - 1] = { ...last, end: range.end, version: Math.max(last.version, range.version) };
    else all.push(range);
  }
  return all;
}

/** The upper half of a run, cut where the largest aligned block begins, so that subnets stay whole where they can. */
export function upperHalf({ start, end }: Range): Range {
  const middle = start + Math.floor((end - start) / 2);
  if (end - start < 2) return { start, end };
  for (let block = 2 ** 31; block > 1; block /= 2) {
    const edge = Math.ceil(middle / block) * block;
    // Not more than a quarter of it may be lost to tidiness.
    if (edge < end && edge - middle <= (end - start) / 4) return { start: edge, end };
  }
  return { start: middle, end };
}
