import { type Cidr, formatCidr, type Mac, type PeerId, parseCidr, parseMac } from '../address.ts';
import { isObject, isText, isWithin, toBytes, toObject } from '../json.ts';
import { type HeldRange, type Range, rangeOf } from '../range.ts';

/** The domain of who may give out which addresses. */
export const IPAM = 'ipam';
/** One entry a peer under this key: what it holds. */
export const CUSTODY_KEY = 'custody';

/** How the universe was divided at first. Peers with another division have another ring: their words don't count here. */
export interface Division {
  readonly universe: Cidr;
  /** Names of the peers that got a share each, in the order of the shares. */
  readonly seeds: readonly Mac[];
}

/** A range given away: it is the receiver's, and stays in the giver's fact until the receiver's own shows it. */
export interface Grant extends HeldRange {
  readonly to: PeerId;
  /** The giver counts its grants. */
  readonly number: number;
}

/** What one peer says of itself. */
export interface Custody {
  readonly division: Division;
  /** What it may give out. */
  readonly ranges: readonly HeldRange[];
  readonly grants: readonly Grant[];
  /** How many grants it has made. */
  readonly granted: number;
  /** By giver: the number of the last grant that it took. */
  readonly received: ReadonlyMap<PeerId, number>;
  /** Removed peers whose space it took over, and up to which of their facts. */
  readonly inherited: ReadonlyMap<PeerId, number>;
  /** Who gets its space when it is removed: the first of them that is not removed itself. */
  readonly heirs: readonly PeerId[];
}

/** So many ranges, and so many grants, are read; what is written has to fit into one fact as well. */
export const PARTS_MAX = 400;
export const HEIRS_MAX = 4;
const SEEDS_MAX = 64;
const PEERS_MAX = 256;

const keys = new WeakMap<Division, string>();

/** The same for equal divisions. It is asked for again and again with each word on the ring. */
export function divisionKey(division: Division): string {
  const known = keys.get(division);
  if (known !== undefined) return known;
  const key = `${formatCidr(division.universe)} ${division.seeds.join(',')}`;
  keys.set(division, key);
  return key;
}

export const isSameDivision = (a: Division, b: Division): boolean =>
  a === b || divisionKey(a) === divisionKey(b);

/**
 * Ranges are written as three numbers each: how far it begins after the end of the one before (at first, after the start of
 * the universe), its size, its version. A grant, relative to the universe: `[start, end, version, to, number]`.
 */
export function encodeCustody(custody: Custody): Uint8Array {
  const { division, ranges, grants, granted, received, inherited, heirs } = custody;
  const { start: base } = rangeOf(division.universe);
  const packed = ranges.flatMap(({ start, end, version }, index) => [
    start - (ranges[index - 1]?.end ?? base),
    end - start,
    version,
  ]);
  return toBytes({
    universe: formatCidr(division.universe),
    seeds: division.seeds,
    ranges: packed,
    grants: grants.map(({ start, end, version, to, number }) => [
      start - base,
      end - base,
      version,
      to,
      number,
    ]),
    granted,
    received: Object.fromEntries(received),
    inherited: Object.fromEntries(inherited),
    heirs,
  });
}

export function decodeCustody(bytes: Uint8Array): Custody | undefined {
  const value = toObject(bytes);
  const division = value && decodeDivision(value);
  if (value === undefined || division === undefined) return undefined;
  const universe = rangeOf(division.universe);
  const { granted } = value;
  const ranges = decodeRanges(value['ranges'], universe);
  const grants = listOf(value['grants'], PARTS_MAX, item => decodeGrant(item, universe));
  const received = decodeNumbers(value['received']);
  const inherited = decodeNumbers(value['inherited']);
  const heirs = listOf(value['heirs'], HEIRS_MAX, decodePeer);
  if (!isWithin(granted, 0, Number.MAX_SAFE_INTEGER) || ranges === undefined || grants === undefined)
    return undefined;
  if (received === undefined || inherited === undefined || heirs === undefined) return undefined;
  return { division, ranges, grants, granted, received, inherited, heirs };
}

export function decodeDivision(value: Readonly<Record<string, unknown>>): Division | undefined {
  const universe = isText(value['universe'], 18) ? parseCidr(value['universe']) : undefined;
  const seeds = listOf(value['seeds'], SEEDS_MAX, item => (isText(item, 17) ? parseMac(item) : undefined));
  return universe === undefined || seeds === undefined ? undefined : { universe, seeds };
}

/** All items decoded, or undefined where it is no list, too long, or one of them is not what it should be. */
function listOf<Item>(
  value: unknown,
  limit: number,
  decode: (item: unknown) => Item | undefined,
): readonly Item[] | undefined {
  if (!Array.isArray(value) || value.length > limit) return undefined;
  const items = value.map(decode);
  return items.every(item => item !== undefined) ? (items as Item[]) : undefined;
}

function decodeRanges(packed: unknown, { start: base, end: limit }: Range): readonly HeldRange[] | undefined {
  if (!Array.isArray(packed) || packed.length % 3 !== 0 || packed.length > 3 * PARTS_MAX) return undefined;
  const numbers: readonly unknown[] = packed;
  const ranges: HeldRange[] = [];
  let last = base;
  for (let index = 0; index < numbers.length; index += 3) {
    const [gap, size, version] = [numbers[index], numbers[index + 1], numbers[index + 2]];
    if (!isWithin(gap, 0, limit - last) || !isWithin(size, 1, limit - last - gap)) return undefined;
    if (!isWithin(version, 0, Number.MAX_SAFE_INTEGER)) return undefined;
    const start = last + gap;
    last = start + size;
    ranges.push({ start, end: last, version });
  }
  return ranges;
}

function decodeRange(item: unknown, universe: Range): HeldRange | undefined {
  if (!Array.isArray(item)) return undefined;
  const [start, end, version] = item as unknown[];
  const size = universe.end - universe.start;
  if (!isWithin(start, 0, size - 1) || !isWithin(end, start + 1, size)) return undefined;
  if (!isWithin(version, 0, Number.MAX_SAFE_INTEGER)) return undefined;
  return { start: start + universe.start, end: end + universe.start, version };
}

function decodeGrant(item: unknown, universe: Range): Grant | undefined {
  const range = decodeRange(item, universe);
  const [to, number] = (item as unknown[]).slice(3);
  const peer = decodePeer(to);
  if (range === undefined || peer === undefined) return undefined;
  return isWithin(number, 1, Number.MAX_SAFE_INTEGER) ? { ...range, to: peer, number } : undefined;
}

export const decodePeer = (item: unknown): PeerId | undefined =>
  isText(item, 128) && item !== '' ? (item as PeerId) : undefined;

function decodeNumbers(value: unknown): ReadonlyMap<PeerId, number> | undefined {
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  const isFine = entries.every(
    ([peer, number]) => decodePeer(peer) !== undefined && isWithin(number, 0, Number.MAX_SAFE_INTEGER),
  );
  return isFine && entries.length <= PEERS_MAX ? new Map(entries as [PeerId, number][]) : undefined;
}
