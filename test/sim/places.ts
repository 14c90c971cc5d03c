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

const addresses = new WeakMap<readonly Station[], Set<string>>();

/** Whether one of `stations` has this address. Quick where the same ones are asked often: they are never altered. */
export function isAmong(stations: readonly Station[], address: string): boolean {
  let known = addresses.get(stations);
  if (known === undefined) {
    known = new Set(stations.map(station => station.address));
    addresses.set(stations, known);
  }
  return known.has(address);
}
