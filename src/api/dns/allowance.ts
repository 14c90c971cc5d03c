/** Questions a second of one source, and how many at once. */
const RATE = 20_000;
const BURST = 20_000;
/** Sources that are counted; where there are more, all begin anew. */
const MOST_SOURCES = 4_096;

interface Bucket {
  left: number;
  filledAt: number;
}

/** How much each source may ask: who asks more is not answered for a moment, so that the others are. */
export class Allowance {
  readonly #buckets = new Map<number, Bucket>();

  /** `now` in milliseconds. */
  admits(source: number, now: number): boolean {
    const bucket = this.#bucketOf(source, now);
    bucket.left = Math.min(BURST, bucket.left + ((now - bucket.filledAt) * RATE) / 1_000);
    bucket.filledAt = now;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #bucketOf(source: number, now: number): Bucket {
    const known = this.#buckets.get(source);
    if (known !== undefined) return known;
    if (this.#buckets.size >= MOST_SOURCES) this.#buckets.clear();
    const fresh = { left: BURST, filledAt: now };
    this.#buckets.set(source, fresh);
    return fresh;
  }
}
