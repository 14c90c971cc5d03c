import { NUMBER_MAX } from './fact.ts';

/** A single stamp may be ahead of all that we know by this much; towards a larger one we only go so far. */
const LEAP = 2 ** 32;

/** Lamport's clock: later than everything seen. No single peer can push it to the end of the numbers. */
export class LamportClock {
  #time = 0;

  /** The time of a new event. */
  tick(): number {
    this.#time = Math.min(this.#time + 1, NUMBER_MAX);
    return this.#time;
  }

  saw(stamp: number): void {
    this.#time = Math.max(this.#time, Math.min(stamp, this.#time + LEAP));
  }
}
