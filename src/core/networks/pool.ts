import { type Cidr, fromNumber } from '../address.ts';
import { overlaps, type Range, rangeOf, sizeOf } from '../range.ts';

/** What a network gets that is made without a subnet: room for four thousand containers, or less of a small universe. */
const PREFIX = 20;
/** Of a small universe each network gets a sixteenth of a half. */
const STEP = 5;
const LONGEST_PREFIX = 29;

/**
 * A subnet for the network `name` in `universe` that overlaps with none of `taken`; undefined where there is none. Where the
 * search begins depends on the name: two hosts that make networks at once rarely take one subnet for two names.
 */
export function freeSubnet(universe: Cidr, name: string, taken: readonly Cidr[]): Cidr | undefined {
  const prefix = Math.min(LONGEST_PREFIX, Math.max(PREFIX, universe.prefix + STEP));
  const whole = rangeOf(universe);
  const size = 2 ** (32 - prefix);
  const count = sizeOf(whole) / size;
  if (count < 1) return undefined;
  const used = taken.map(rangeOf);
  const first = hashOf(name) % count;
  for (let step = 0; step < count; step += 1) {
    const start = whole.start + ((first + step) % count) * size;
    const range: Range = { start, end: start + size };
    if (!used.some(other => overlaps(other, range))) return { address: fromNumber(start), prefix };
  }
  return undefined;
}

/** FNV-1a: any function of the text does that is the same on every host. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash;
}

/** What the default network has of a universe, unless told otherwise: of a large one half, so that others have room. */
export const defaultPart = ({ address, prefix }: Cidr): Cidr => ({
  address,
  prefix: prefix < PREFIX ? prefix + 1 : prefix,
});
