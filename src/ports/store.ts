import type { Problem, Result } from '../core/errors.ts';

/** Keys and values to set; an undefined value removes the key. */
export type Batch = ReadonlyMap<string, Uint8Array | undefined>;

export interface Loaded {
  readonly records: ReadonlyMap<string, Uint8Array>;
  /** A sentence for the log where something had to be repaired, e.g. a torn tail or the last good copy taken. */
  readonly repaired: string | undefined;
}

/** A small durable map. A batch is on disk whole or not at all, and batches keep their order. */
export interface Store {
  /**
   * Reads everything; call once, before `commit`. Refuses with `router-running` (another one uses it),
   * `state-unwritable`, `state-full`, `state-newer`, `state-damaged`.
   */
  load(): Promise<Result<Loaded>>;
  /**
   * Resolves when the batch is on disk (fsync). Calls made meanwhile are grouped into the next fsync. Never
   * rejects: while the disk can't take it, it is tried again each second, and `trouble` says why.
   */
  commit(batch: Batch): Promise<void>;
  /** Why new facts should be refused now (the reserve is used up, the disk is full), or undefined. */
  trouble(): Problem | undefined;
  close(): Promise<void>;
}
