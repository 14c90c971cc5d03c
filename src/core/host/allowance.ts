import type { Millis } from './step.ts';

/** A bucket of tokens: holds `burst`, and gets `perSecond` back. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

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

/** Buckets of which no more is remembered than that they are full: those are made anew. */
const MAX_REMEMBERED = 16_384;

/** Who may still cost how much: one bucket for each key. Nothing here is a clock: the time is handed in. */
export class Allowance {
  readonly #rate: Rate;
  readonly #buckets = new Map<string, { left: number; at: Millis }>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Takes `cost` from what `key` has left; false, and takes nothing, where that is not enough. */
  spend(key: string, cost: number, now: Millis): boolean {
    const { burst, perSecond } = this.#rate;
    const bucket = this.#buckets.get(key);
    const left =
      bucket === undefined ? burst : Math.min(burst, bucket.left + ((now - bucket.at) * perSecond) / 1_000);
    if (cost > left) return false;
    if (bucket === undefined) {
      this.#makeRoom(now);
      this.#buckets.set(key, { left: left - cost, at: now });
    } else {
      bucket.left = left - cost;
      bucket.at = now;
    }
    return true;
  }

  /** Lets go of those that are full again; where all are in use, of the one that was filled first. */
  #makeRoom(now: Millis): void {
    if (this.#buckets.size < MAX_REMEMBERED) return;
    const { burst, perSecond } = this.#rate;
    for (const [key, { left, at }] of this.#buckets) {
      if (left + ((now - at) * perSecond) / 1_000 >= burst) this.#buckets.delete(key);
    }
    const first = this.#buckets.size < MAX_REMEMBERED ? undefined : this.#buckets.keys().next().value;
    if (first !== undefined) this.#buckets.delete(first);
  }
}
