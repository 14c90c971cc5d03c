import type { Rate } from '../allowance.ts';

/** What one neighbour may cost this router. Who goes beyond is hung up on: no honest router does. Except for `checks`. */
export const NEIGHBOUR_RATES = {
  // Those that tell nothing new (news counts for its owner): heartbeats, digests, answers that say what is known already.
  // A router sends a dozen a second; each costs some 20 microseconds to read.
  messages: { burst: 5_000, perSecond: 500 },
  // A mesh of a thousand hosts is 30 MB; it may come from every neighbour at once, and twice.
  bytes: { burst: 64 * 1024 * 1024, perSecond: 4 * 1024 * 1024 },
  // Each is answered by up to 1 MiB, after a look at all owners. A router asks four times a second at most, in either
  // direction, and once more when it connects.
  digests: { burst: 100, perSecond: 12 },
  // Signatures of what is news, 0.1 ms each. The burst is all that a thousand hosts have to say; what goes beyond may be
  // others' fault, and is left lying like an owner's surplus (below).
  checks: { burst: 60_000, perSecond: 2_000 },
} as const satisfies Readonly<Record<string, Rate>>;

/**
 * What one owner may have to tell, by whichever way it comes. Beyond it nobody is to blame: the carrier may be honest.
 * It is left lying, unchecked and not handed on, and comes by sync when the owner has calmed down.
 */
export const OWNER_RATES = {
  // A router gathers what it has to say for 50 ms: twenty a second, and what it says of its start.
  deltas: { burst: 400, perSecond: 40 },
  // Each costs 0.1 ms to check. The burst is twice the largest set that an owner may have.
  entries: { burst: 10_000, perSecond: 1_000 },
} as const satisfies Readonly<Record<string, Rate>>;
