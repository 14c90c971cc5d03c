import type { PeerId } from '../../core/address.ts';
import { MAX_REFUSED } from './limits.ts';

/** Who is refused, and until when: peers that broke a rule, and would only come back to do it again. */
export class Refusals {
  readonly #until = new Map<PeerId, number>();
  readonly #clock: () => number;

  constructor(clock = () => performance.now()) {
    this.#clock = clock;
  }

  /** The longer of two counts. */
  add(peer: PeerId, durationMs: number): void {
    const until = Math.max(this.#clock() + durationMs, this.#until.get(peer) ?? 0);
    this.#until.delete(peer);
    const oldest = this.#until.size < MAX_REFUSED ? undefined : this.#until.keys().next().value;
    if (oldest !== undefined) this.#until.delete(oldest);
    this.#until.set(peer, until);
  }

  /** Seconds, rounded up, that this peer is still refused; 0 where it is not. */
  left(peer: PeerId): number {
    const left = (this.#until.get(peer) ?? 0) - this.#clock();
    if (left > 0) return Math.ceil(left / 1_000);
    this.#until.delete(peer);
    return 0;
  }
}
