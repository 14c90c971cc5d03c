import type { Station } from '../../src/core/forwarding.ts';

/** The first of `stations`, which are sorted, whose address isn't lower. */
export function placeOf(stations: readonly Station[], address: string): number {
  let low = 0;
  let high = stations.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (stations[middle]!.address < address) low = middle + 1;
    else high = middle;
  }
  return low;
}
