/** A bucket of tokens: holds `burst`, and gets `perSecond` back. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Buckets of which no more is remembered than that they are full: those are made anew. */
const MAX_REMEMBERED = 16_384;

/** Who may still cost how much: one bucket for each key. Nothing here is a clock: the time is handed in, in milliseconds. */
export class Allowance<Key = string> {
  readonly #rate: Rate;
  readonly #buckets = new Map<Key, { left: number; at: number }>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Takes `cost` from what `key` has left; false, and takes nothing, where that is not enough. */
  spend(key: Key, cost: number, now: number): boolean {
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
  #makeRoom(now: number): void {
    if (this.#buckets.size < MAX_REMEMBERED) return;
    const { burst, perSecond } = this.#rate;
    for (const [key, { left, at }] of this.#buckets) {
      if (left + ((now - at) * perSecond) / 1_000 >= burst) this.#buckets.delete(key);
    }
    const first = this.#buckets.size < MAX_REMEMBERED ? undefined : this.#buckets.keys().next().value;
    if (first !== undefined) this.#buckets.delete(first);
  }
}
