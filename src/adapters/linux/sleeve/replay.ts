/** How far behind the latest a message may come. */
const WINDOW = 2_048;
const WORDS = WINDOW / 32;

/** Which messages of a session have come already (as in RFC 6479): each is taken once, and none that is older than the window. */
export class ReplayWindow {
  readonly #seen = new Uint32Array(WORDS);
  #latest = -1;

  /** Whether a message with this number may still be taken. */
  admits(number: number): boolean {
    if (number > this.#latest) return true;
    if (number <= this.#latest - WINDOW) return false;
    return (this.#seen[wordOf(number)]! & bitOf(number)) === 0;
  }

  /** It was authentic, and is taken. */
  took(number: number): void {
    if (number > this.#latest) {
      const steps = Math.min(number - this.#latest, WINDOW);
      for (let step = 0; step < steps; step += 1) this.#forget(number - step);
      this.#latest = number;
    }
    this.#seen[wordOf(number)]! |= bitOf(number);
  }

  #forget(number: number): void {
    this.#seen[wordOf(number)]! &= ~bitOf(number);
  }
}

const wordOf = (number: number): number => Math.floor((number % WINDOW) / 32);
const bitOf = (number: number): number => 1 << (number % 32);
