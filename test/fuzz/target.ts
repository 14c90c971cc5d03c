import type fc from 'fast-check';

/** Something that reads foreign bytes. A run fails where `read` throws, takes too long, or keeps memory. */
export interface Target {
  /** What it is about, in a few words. */
  readonly what: string;
  /** True inputs, or nearly so: mutants are made of these and of the kept ones in seeds/NAME. */
  readonly structured: fc.Arbitrary<Uint8Array>;
  /** Reads one input and throws where what came of it is wrong, e.g. the state of somebody honest has changed. */
  read(bytes: Uint8Array): void | Promise<void>;
  /** The longest that one input may take; 20 ms where not given. */
  readonly slowMs?: number;
}

/** What a reader promises, held against what it did. */
export function insist(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new Error(`broken promise: ${promise}`);
}
