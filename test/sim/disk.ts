import type { Records } from '../../src/core/host/step.ts';

type Contents = Map<string, Uint8Array>;

/** How many earlier states are kept, for a machine that is set back to a snapshot of itself. */
const CHECKPOINTS = 4;

/**
 * A disk with a cache: batches are on it whole or not at all, in their order, and only from `flush` on for certain.
 * What a crash does to those that wait is drawn by who crashes it.
 */
export class Disk {
  /** What is there after any crash. */
  readonly durable: Contents = new Map();
  /** No space: what is written waits. */
  #full = false;
  /** How often it has become full. */
  fills = 0;
  #waiting: Records[] = [];
  #written = 0;
  #checkpoints: Contents[] = [];

  get full(): boolean {
    return this.#full;
  }

  set full(full: boolean) {
    if (full && !this.#full) this.fills += 1;
    this.#full = full;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Gives the number of the batch, for `flush`. */
  write(records: Records): number {
    this.#waiting.push(records);
    this.#written += 1;
    return this.#written;
  }

  /** Everything up to this batch is durable now. */
  flush(batch: number): void {
    const first = this.#written - this.#waiting.length + 1;
    for (const records of this.#waiting.splice(0, Math.max(0, batch - first + 1))) this.#apply(records);
  }

  /** The router ends: of what waits, `kept` batches had reached the disk. */
  crash(kept: number): void {
    for (const records of this.#waiting.splice(0, kept)) this.#apply(records);
    this.#waiting = [];
  }

  checkpoint(): void {
    this.#checkpoints.push(new Map(this.durable));
    if (this.#checkpoints.length > CHECKPOINTS) this.#checkpoints.shift();
  }

  /** Sets the disk back to one of the states that were kept (0: the oldest); false where there is none. */
  rollBack(fraction: number): boolean {
    const index = Math.floor(this.#checkpoints.length * fraction);
    const state = this.#checkpoints[index];
    if (state === undefined) return false;
    this.#checkpoints = this.#checkpoints.slice(0, index + 1);
    this.replace(state);
    return true;
  }

  replace(state: ReadonlyMap<string, Uint8Array>): void {
    this.durable.clear();
    for (const [key, value] of state) this.durable.set(key, value);
  }

  #apply(records: Records): void {
    for (const [key, value] of records) {
      if (value === undefined) this.durable.delete(key);
      else this.durable.set(key, value);
    }
  }
}
