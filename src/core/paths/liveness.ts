import type { Millis } from '../host/step.ts';

/** Nothing came back for so long, of at least so many echoes: a lossy path is not a dead one. */
const MISSED_MS = 3_000;
const MISSED_ECHOES = 8;
/** So many mean that nothing got through for a while. */
const OUTAGE_ECHOES = 2;
/** A second is good if any of its echoes was answered; two good ones are so far apart at most. */
const SECOND_MS = 900;
const GOOD_GAP_MS = 2_100;
/** How much one echo counts in the share of those that are lost. */
const LOSS_WEIGHT = 0.02;
const RTT_WEIGHT = 0.2;

/** Whether one way to a peer lives, as its echoes tell. */
export class Liveness {
  /** `unknown` until the first answer, or until enough were missed. */
  state: 'unknown' | 'up' | 'down' = 'unknown';
  rttMs: number | undefined;
  /** The share of echoes that was lost lately. */
  loss = 0;
  /** Good seconds in a row since it was down; it never was where this is infinite. */
  good = Number.POSITIVE_INFINITY;
  #goodAt = Number.NEGATIVE_INFINITY;
  /** When the first of the echoes was sent that nothing has been answered after. */
  #missingSince: Millis | undefined;
  #missing = 0;

  sent(now: Millis): void {
    this.#missingSince ??= now;
    this.#missing += 1;
  }

  answered(now: Millis, rttMs: number): void {
    this.#missingSince = undefined;
    this.#missing = 0;
    this.rttMs = this.rttMs === undefined ? rttMs : this.rttMs + (rttMs - this.rttMs) * RTT_WEIGHT;
    this.loss -= this.loss * LOSS_WEIGHT;
    if (now - this.#goodAt >= SECOND_MS) {
      this.good =
        now - this.#goodAt > GOOD_GAP_MS && this.good < Number.POSITIVE_INFINITY ? 1 : this.good + 1;
      this.#goodAt = now;
    }
    this.state = 'up';
  }

  lost(): void {
    this.loss += (1 - this.loss) * LOSS_WEIGHT;
  }

  /** Gives whether it has just been found dead. */
  review(now: Millis): boolean {
    if (this.state === 'down' || this.#missingSince === undefined) return false;
    if (now - this.#missingSince < MISSED_MS || this.#missing < MISSED_ECHOES) return false;
    this.state = 'down';
    this.rttMs = undefined;
    this.good = 0;
    return true;
  }

  /** Nothing got through for a while. */
  isOut(now: Millis): boolean {
    return this.state === 'down' || (this.#missing >= OUTAGE_ECHOES && this.isDoubtful(now));
  }

  /** An echo is overdue: more of them tell soon whether that means anything. */
  isDoubtful(now: Millis): boolean {
    return this.#missingSince !== undefined && now - this.#missingSince >= SECOND_MS;
  }
}
