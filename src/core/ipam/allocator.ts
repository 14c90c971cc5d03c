import { includes, type Range, sizeOf, within } from '../range.ts';

/** As `serviceAddress` of address.ts. */
const serviceAddressOf = ({ end }: Range): number => end - 2;

/** Addresses of a subnet that no container ever gets: its network and broadcast address, and the service address. */
export const reservedIn = (subnet: Range): readonly number[] => [
  subnet.start,
  serviceAddressOf(subnet),
  subnet.end - 1,
];

/** Below this there is nothing to give: network, service and broadcast address leave one of four. */
export const SMALLEST_SUBNET = 4;

/** Which addresses are given to whom on this host. Gives the lowest that is free. */
export class Allocator {
  readonly #owners = new Map<number, string>();
  readonly #byOwner = new Map<string, Set<number>>();
  /** By subnet: below this nothing was free. */
  readonly #cursors = new Map<string, number>();

  get count(): number {
    return this.#owners.size;
  }

  ownerOf(address: number): string | undefined {
    return this.#owners.get(address);
  }

  /** The addresses of `owner`, ascending. */
  of(owner: string): readonly number[] {
    return [...(this.#byOwner.get(owner) ?? [])].sort((a, b) => a - b);
  }

  addresses(): Iterable<number> {
    return this.#owners.keys();
  }

  assign(address: number, owner: string): void {
    this.free(address);
    this.#owners.set(address, owner);
    const all = this.#byOwner.get(owner);
    if (all === undefined) this.#byOwner.set(owner, new Set([address]));
    else all.add(address);
  }

  free(address: number): void {
    const owner = this.#owners.get(address);
    if (owner === undefined) return;
    this.#owners.delete(address);
    const all = this.#byOwner.get(owner)!;
    all.delete(address);
    if (all.size === 0) this.#byOwner.delete(owner);
    this.looksAgainFrom(address);
  }

  /** Something may be free from here on that was not before. */
  looksAgainFrom(address: number): void {
    for (const [subnet, cursor] of this.#cursors) {
      if (address < cursor) this.#cursors.set(subnet, address);
    }
  }

  /** The lowest address within `ranges` and `subnet` that is neither given nor refused by `isFree`. */
  lowest(ranges: readonly Range[], subnet: Range, isFree: (address: number) => boolean): number | undefined {
    const key = `${subnet.start}-${subnet.end}`;
    const from = this.#cursors.get(key) ?? subnet.start;
    for (const { start, end } of within(ranges, { start: Math.max(from, subnet.start), end: subnet.end })) {
      for (let address = start; address < end; address += 1) {
        if (this.#owners.has(address) || !isFree(address)) continue;
        this.#cursors.set(key, address);
        return address;
      }
    }
    this.#cursors.set(key, subnet.end);
    return undefined;
  }
}

/** The longest run within `ranges` that has none of `used`; undefined where nothing is free. */
export function largestFree(ranges: readonly Range[], used: Iterable<number>): Range | undefined {
  const sorted = [...used]
    .filter(address => ranges.some(range => includes(range, address)))
    .sort((a, b) => a - b);
  let best: Range | undefined;
  const consider = (start: number, end: number): void => {
    if (end > start && (best === undefined || end - start > sizeOf(best))) best = { start, end };
  };
  for (const { start, end } of ranges) {
    let from = start;
    for (const address of sorted) {
      if (address < start || address >= end) continue;
      consider(from, address);
      from = address + 1;
    }
    consider(from, end);
  }
  return best;
}
