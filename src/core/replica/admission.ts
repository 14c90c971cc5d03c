import { SIZES, signedEntry, signedHead } from './encoding.ts';
import {
  type CryptoFunctions,
  type Delta,
  type Entry,
  isSameEntry,
  isSameHead,
  type Limits,
  type Refusal,
  slotOf,
} from './fact.ts';
import type { Follower } from './follower.ts';

/** What is wrong with a delta before any signature is looked at. */
export function malformation(
  { head, after, through, snapshot, entries }: Delta,
  limits: Limits,
): Refusal | undefined {
  if (head.upto === 0 || after > through || through > head.upto) return 'malformed';
  if (entries.length > limits.live + limits.deletions) return 'over-limit';
  let last = after;
  for (const entry of entries) {
    if (entry.owner !== head.owner) return 'not-owner';
    if (entry.seq <= last || entry.seq > through) return 'malformed';
    if (snapshot && after === 0 && entry.value === undefined) return 'malformed';
    if (isTooLarge(entry)) return 'over-limit';
    last = entry.seq;
  }
  return undefined;
}

function isTooLarge({ domain, key, value, extra }: Entry): boolean {
  return (
    domain.length > SIZES.domain ||
    key.length > SIZES.key ||
    (value?.length ?? 0) > SIZES.value ||
    extra.length > SIZES.extra
  );
}

/** Whether the owner signed the head and every entry. Signatures that were checked before aren't checked again. */
export function isAuthentic(delta: Delta, follower: Follower | undefined, crypto: CryptoFunctions): boolean {
  const { head } = delta;
  const known = follower !== undefined && isSameHead(head, follower.newest);
  if (!known && !crypto.verify(head.owner, signedHead(head), head.signature)) return false;
  return delta.entries.every(entry => {
    const held = follower?.visible(slotOf(entry.domain, entry.key));
    if (held !== undefined && isSameEntry(held, entry)) return true;
    return crypto.verify(entry.owner, signedEntry(entry), entry.signature);
  });
}
