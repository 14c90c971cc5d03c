import type { PeerId } from '../address.ts';
import { type HeldRange, joined, type Range, touching, within, withMissing, without } from '../range.ts';
import { SIZES } from '../replica/encoding.ts';
import { type Custody, encodeCustody, type Grant, PARTS_MAX } from './custody.ts';
import type { Holding, Offer, RingView } from './view.ts';
import { precedence } from './view.ts';

/** Up to so many parts, each keeps its own version. */
const TIDY_PARTS = 64;

/** What becomes of a peer's own custody. Each function gives the next state, the same object where nothing changes. */

/** Takes what was offered, as far as there is room: the giver can let go of it once it sees this. */
export function take(own: Custody, offers: readonly Offer[]): Custody {
  let sofar = own;
  for (const { from, grant } of offers) {
    const { start, end, version, number } = grant;
    const next = {
      ...sofar,
      ranges: tidy(withMissing(sofar.ranges, { start, end, version })),
      received: new Map([...sofar.received, [from, number]]),
    };
    // By giver, all up to the last that was taken count as taken.
    if (!fits(next)) break;
    sofar = next;
  }
  return sofar;
}

/** Gives away what of `range` is held: it is the other's from now on. Undefined where the fact has no room for it. */
export function give(own: Custody, to: PeerId, range: Range): Custody | undefined {
  let granted = own.granted;
  const grants = within(own.ranges, range).map((part): Grant => {
    granted += 1;
    return { ...part, version: part.version + 1, to, number: granted };
  });
  const next = {
    ...own,
    ranges: without(own.ranges, range),
    grants: [...own.grants, ...grants],
    granted,
  };
  return fits(next) ? next : undefined;
}

/**
 * Takes over what a removed peer held and what others had granted to it, as its facts stood at `upto`; but not what one of
 * `others` shows to have had later: the word in which the peer gave that away may be lost with who heard it.
 */
export function inherit(
  own: Custody,
  peer: PeerId,
  upto: number,
  theirs: readonly HeldRange[],
  offers: readonly Offer[],
  others: readonly Holding[],
): Custody {
  const granted = offers.map(({ grant: { start, end, version } }) => ({ start, end, version }));
  const estate = [theirs, ...granted.map(range => [range])].flatMap(part => left(part, peer, others));
  let { ranges } = own;
  for (const { start, end, version } of estate) {
    ranges = withMissing(ranges, { start, end, version: version + 1 });
  }
  const next = { ...own, ranges: tidy(ranges), inherited: new Map([...own.inherited, [peer, upto]]) };
  return fits(next) ? next : own;
}

/** Lets go of grants that their receivers show, and of the memory of what others have let go of. */
export function settle(own: Custody, self: PeerId, view: RingView): Custody {
  const grants = own.grants.filter(grant => view.isOpen(self, grant));
  const received = [...own.received].filter(([from, number]) =>
    view.custody(from)?.grants.some(grant => grant.to === self && grant.number <= number),
  );
  if (grants.length === own.grants.length && received.length === own.received.size) return own;
  return { ...own, grants, received: new Map(received) };
}

/** Gives up what another had later than this peer, which must have forgotten that it gave it away. */
export function yieldTo(own: Custody, self: PeerId, others: readonly Holding[]): Custody {
  const ranges = left(own.ranges, self, others);
  return ranges === own.ranges ? own : { ...own, ranges };
}

/** What is left of the ranges of `owner` without those that another had later. */
function left(ranges: readonly HeldRange[], owner: PeerId, others: readonly Holding[]): readonly HeldRange[] {
  let rest = ranges;
  for (const other of others) {
    if (other.owner === owner) continue;
    for (const range of touching(rest, other)) {
      if (precedence(other, { ...range, owner }) >= 0) continue;
      const both = { start: Math.max(range.start, other.start), end: Math.min(range.end, other.end) };
      rest = without(rest, both);
    }
  }
  return rest;
}

/**
 * Where there are many parts, neighbours become one that counts as young as the younger of them: only its holder can say
 * how many hands a range went through, and more do no harm to anybody who has let go of it.
 */
function tidy(ranges: readonly HeldRange[]): readonly HeldRange[] {
  return ranges.length > TIDY_PARTS ? joined(ranges) : ranges;
}

function fits(custody: Custody): boolean {
  const { grants, ranges } = custody;
  if (ranges.length > PARTS_MAX || grants.length > PARTS_MAX) return false;
  return encodeCustody(custody).length <= SIZES.value;
}
