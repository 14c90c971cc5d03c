import type { Millis } from '../host/step.ts';

/** Enough for an echo with its headers; says whether a way lives, whatever its MTU. */
export const SMALL = 96;
const SIZES = [8_950, 3_950, 1_450, 1_400, 1_376, 1_350, 1_300, 1_200, 1_000, 576];
/** A size is given up when this many rounds in a row brought no answer, though smaller ones did. */
const ROUNDS = 3;
/** The size that worked so far is sent so often in each of them, so that mere loss does not lower it. */
const COPIES = 3;
/** How long a round is waited for. */
export const ROUND_MS: Millis = 500;
/** Once a smaller size is found, so many between it and what is too large are tried at once, in so many steps. */
const STEPS_BETWEEN = 8;
const REFINEMENTS = 2;

/**
 * Looks for the largest packet that one way takes, by whole rounds of echoes: what drops large packets without a word is
 * found within two seconds, and how much it takes to about a byte in a hundred.
 */
export class SizeSearch {
  /** Undefined while nothing has been found. */
  mtu: number | undefined;
  readonly #full: number;
  readonly #all: readonly number[];
  /** The sizes of the round that is out; none where nothing is looked for. */
  #round: readonly number[] = [];
  #answered = new Set<number>();
  #failed = 0;
  #refinements = 0;

  constructor(full: number) {
    this.#full = full;
    this.#all = [full, ...SIZES.filter(size => size < full)];
  }

  get isSearching(): boolean {
    return this.#round.length > 0;
  }

  /** Begins to look whether the size that is known still works, and larger ones; gives the sizes to be tried. */
  begin(): readonly number[] {
    const { mtu = 0 } = this;
    this.#failed = 0;
    this.#refinements = 0;
    // What nobody knows of is mostly as it should be: the rest is tried when it is not.
    return this.#send(mtu === 0 ? [this.#full] : [...this.#all.filter(size => size > mtu), mtu]);
  }

  stop(): void {
    this.#send([]);
  }

  answered(size: number): void {
    if (this.isSearching) this.#answered.add(size);
    if (size === this.#full) this.stop();
    const isMore = size > SMALL && (this.mtu === undefined ? size === this.#full : size > this.mtu);
    if (isMore) this.mtu = size;
  }

  /** Judges the round that is out; gives the sizes of the next, or none where all is told. */
  next(): readonly number[] {
    const { mtu = this.#full } = this;
    const best = Math.max(0, ...[...this.#answered].filter(size => size > SMALL));
    if (best >= mtu) return this.#refine();
    // Where nothing at all is answered, it is not the size that is wrong.
    if (this.#answered.size > 0) this.#failed += 1;
    if (this.#failed < ROUNDS) return this.#retry(mtu);
    this.mtu = best === 0 ? undefined : best;
    this.#refinements = best === 0 ? 0 : REFINEMENTS;
    return this.#refine();
  }

  /** What was answered before counts on: all rounds of one try are judged together. */
  #retry(mtu: number): readonly number[] {
    const smaller = this.#all.filter(size => size < mtu);
    this.#round = [...Array<number>(COPIES).fill(mtu), ...smaller, SMALL];
    return this.#round;
  }

  /** Between what works and the next that did not. */
  #refine(): readonly number[] {
    const { mtu } = this;
    const tooLarge = Math.min(...this.#round.filter(size => size > (mtu ?? 0)));
    this.#refinements -= 1;
    if (mtu === undefined || this.#refinements < 0 || !Number.isFinite(tooLarge)) return this.#send([]);
    const step = (tooLarge - mtu) / (STEPS_BETWEEN + 1);
    const sizes = Array.from({ length: STEPS_BETWEEN }, (_, part) => Math.floor(mtu + step * (part + 1)));
    return this.#send([...new Set([tooLarge, ...sizes.filter(size => size > mtu), mtu])]);
  }

  #send(sizes: readonly number[]): readonly number[] {
    this.#answered = new Set();
    this.#round = sizes;
    return sizes;
  }
}
