import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cidr, Ipv4, PeerId } from '../../../src/core/address.ts';
import {
  type Custody,
  decodeCustody,
  encodeCustody,
  type Grant,
  PARTS_MAX,
} from '../../../src/core/ipam/custody.ts';
import { inherit, take } from '../../../src/core/ipam/ledger.ts';
import { type HeldRange, rangeOf } from '../../../src/core/range.ts';
import { SIZES } from '../../../src/core/replica/encoding.ts';

const universe: Cidr = { address: '10.32.0.0' as Ipv4, prefix: 12 };
const { start: base } = rangeOf(universe);
const giver = 'giver' as PeerId;
const EMPTY: Custody = {
  division: { universe, seeds: [] },
  ranges: [],
  grants: [],
  granted: 0,
  received: new Map(),
  inherited: new Map(),
  heirs: [],
};

/** Every second address of so many. */
const scattered = (count: number, first: number, version: number): readonly HeldRange[] =>
  Array.from({ length: count }, (_, index) => {
    const start = base + first + 2 * index;
    return { start, end: start + 1, version };
  });

const granted = (ranges: readonly HeldRange[]) =>
  ranges.map((range, index) => {
    const grant: Grant = { ...range, to: 'self' as PeerId, number: index + 1 };
    return { from: giver, grant };
  });

describe('what a peer says it holds', () => {
  it('is read as it was written', () => {
    const part = fc.tuple(fc.nat(5_000), fc.integer({ min: 1, max: 3_000 }), fc.nat(100));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 100 }), parts => {
        let last = base;
        const ranges = parts.map(([gap, size, version]) => {
          const start = last + gap;
          last = start + size;
          return { start, end: last, version };
        });
        const custody = { ...EMPTY, ranges };
        expect(decodeCustody(encodeCustody(custody))).toEqual(custody);
      }),
    );
  });

  it.each([
    ['beyond the universe', [0, 2 ** 20 + 1, 0]],
    ['with an empty range', [0, 0, 0]],
    ['that goes back', [5, 5, 0, -1, 2, 0]],
    ['with half a range', [0, 5]],
  ])('is not believed %s', (_, ranges) => {
    const text = new TextDecoder().decode(encodeCustody(EMPTY));
    const bytes = new TextEncoder().encode(JSON.stringify({ ...JSON.parse(text), ranges }));
    expect(decodeCustody(bytes)).toBeUndefined();
  });
});

describe('space in many small parts', () => {
  it('has room in one fact, as far as can be', () => {
    const offers = granted(scattered(PARTS_MAX + 100, 0, 3));
    const next = take(EMPTY, offers);
    expect(next.ranges.length).toBe(PARTS_MAX);
    expect(next.received.get(giver)).toBe(PARTS_MAX);
    expect(encodeCustody(next).length).toBeLessThanOrEqual(SIZES.value);
  });

  it('becomes one where it joins, so that what a peer leaves can be taken over', () => {
    const own = { ...EMPTY, ranges: scattered(PARTS_MAX, 0, 2) };
    const next = inherit(own, giver, 9, scattered(PARTS_MAX, 1, 5), [], []);
    expect(next.ranges).toEqual([{ start: base, end: base + 2 * PARTS_MAX, version: 6 }]);
    expect(next.inherited.get(giver)).toBe(9);
  });
});

describe('what a removed peer leaves', () => {
  const range = (start: number, end: number, version: number): HeldRange => ({
    ...{ start: base + start, end: base + end },
    version,
  });
  const heldBy = (owner: string, held: HeldRange) => ({ ...held, owner: owner as PeerId });

  it('is not what it gave to another, though nobody has the word in which it did', () => {
    const others = [heldBy('giver', range(0, 32, 0)), heldBy('another', range(8, 9, 1))];
    const next = inherit(EMPTY, giver, 9, [range(0, 32, 0)], [], others);
    expect(next.ranges).toEqual([range(0, 8, 1), range(9, 32, 1)]);
  });

  it('is what another had before it', () => {
    const others = [heldBy('another', range(8, 9, 1))];
    expect(inherit(EMPTY, giver, 9, [range(0, 32, 2)], [], others).ranges).toEqual([range(0, 32, 3)]);
  });

  it('is what others had granted to it, but for what it had passed on', () => {
    const others = [heldBy('giver', range(0, 16, 1)), heldBy('another', range(0, 8, 2))];
    const offers = granted([range(0, 16, 1)]).map(({ grant }) => ({ from: 'first' as PeerId, grant }));
    expect(inherit(EMPTY, giver, 9, [], offers, others).ranges).toEqual([range(8, 16, 2)]);
  });
});
