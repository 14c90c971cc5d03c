import { NUMBER_MAX } from './fact.ts';

/**
 * What one delta tells may be ahead of all that we know by this much; towards a larger stamp we only go so far. A mesh
 * with ten changes a second takes ten months for it; who sends 40 deltas a second, the most that is taken of one owner
 * (host/rates.ts), takes seven hours from here to the end of the numbers.
 */
const LEAP = 2 ** 28;

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
