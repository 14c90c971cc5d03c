import type { PeerId } from '../address.ts';
import { entrySize, headSize } from './encoding.ts';
import { compareHeads, type Delta, type Digest, noHead, type Standing } from './fact.ts';
import type { Follower } from './follower.ts';
import type { Ledger } from './ledger.ts';

/** What a delta takes on the wire beside its head and entries, at most. */
const FRAME_BYTES = 32;

/** Bytes that a delta takes on the wire, at most. */
export function deltaSize({ head, entries }: Delta): number {
  return entries.reduce((sum, entry) => sum + entrySize(entry), FRAME_BYTES + headSize(head));
}

/**
 * The beginning of `delta` that takes at most `limit` bytes, and what comes after it, if anything. The beginning has
 * no entries where not even one fits.
 */
export function cut(delta: Delta, limit: number): readonly [Delta, Delta | undefined] {
  let size = FRAME_BYTES + headSize(delta.head);
  const fitting = delta.entries.findIndex(entry => {
    size += entrySize(entry);
    return size > limit;
  });
  if (fitting < 0) return [delta, undefined];
  const through = delta.entries[fitting - 1]?.seq ?? delta.after;
  const first = { ...delta, through, entries: delta.entries.slice(0, fitting) };
  return [first, { ...delta, after: through, entries: delta.entries.slice(fitting) }];
}

/** What somebody with the digest `theirs` lacks of what these followers have: at most `limit` bytes and one head. */
export function missing(followers: Iterable<Follower>, theirs: Digest, limit: number): readonly Delta[] {
  const standings = new Map<PeerId, Standing>(theirs.map(standing => [standing.owner, standing]));
  const deltas: Delta[] = [];
  let room = limit;
  for (const follower of followers) {
    const { owner } = follower.ledger.head;
    for (const delta of offers(follower, standings.get(owner) ?? nothingOf(owner))) {
      const [fitting, rest] = cut(delta, room);
      deltas.push(fitting);
      // One that is cut short tells that there is more, of this owner and of those that come after it.
      if (rest !== undefined) return deltas;
      room -= deltaSize(fitting);
    }
  }
  return deltas;
}

const nothingOf = (owner: PeerId): Standing => ({ ...noHead(owner), through: 0, stage: undefined });

function offers({ ledger, early }: Follower, theirs: Standing): readonly Delta[] {
  const { head } = ledger;
  const deltas: Delta[] = [];
  if (compareHeads(head, theirs) > 0) {
    const from = deltaFrom(theirs, ledger);
    const snapshot = from === undefined;
    const after = from ?? snapshotFrom(theirs, ledger);
    deltas.push({ head, after, through: head.upto, snapshot, entries: ledger.since(after, after > 0) });
  }
  for (const delta of early) {
    const isWhole = delta.through === delta.head.upto;
    if (isWhole && delta.through > theirs.upto && compareHeads(delta.head, theirs) > 0) deltas.push(delta);
  }
  return deltas;
}

/** From where a delta brings them to our head; undefined where only a snapshot does. */
function deltaFrom(theirs: Standing, { head, floor }: Ledger): number | undefined {
  if (theirs.stage !== undefined || theirs.upto === 0 || theirs.upto === head.upto) return undefined;
  const from = theirs.through > head.upto ? theirs.upto : theirs.through;
  return from < floor ? undefined : from;
}

/** From where to go on with a snapshot that another peer began: 0 if what was deleted since can't be told. */
function snapshotFrom({ stage }: Standing, { head, floor }: Ledger): number {
  const goesOn =
    stage !== undefined && floor <= stage.upto && stage.upto <= head.upto && stage.through <= head.upto;
  return goesOn ? stage.through : 0;
}
