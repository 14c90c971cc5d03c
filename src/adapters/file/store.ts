import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, ok, type Problem, type Result, refuse } from '../../core/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { Batch, Loaded, Store } from '../../ports/store.ts';
import { applyBatch, encodeBatch, encodeFrame } from './codec.ts';
import { syncDirectory } from './durable.ts';
import { Journal, RESERVE_BYTES } from './journal.ts';
import { type Lock, lockDirectory } from './lock.ts';
import { fileProblem } from './problems.ts';
import { fileName, parseFileName, type Recovered, recover } from './recovery.ts';
import { snapshotBytes, writeSnapshot } from './snapshot.ts';

export interface FileStoreOptions {
  /** Made (mode 0700) where it is missing. One router at a time may use it. */
  readonly directory: string;
  readonly log: Log;
}

const RETRY_MS = 1000;
/** A journal may grow to this, or to the size of what it changes, before a snapshot makes it superfluous. */
const LEAST_JOURNAL_BYTES = 1024 * 1024;
/** With less than this left and a full disk there is no use in starting. */
const LEAST_RESERVE_BYTES = 64 * 1024;

/**
 * The durable map in files: snapshots and journals (`recovery.ts` says how they hang together, `codec.ts` what is in
 * them). While a full disk can't renew its reserve, `trouble` says so, and small commits go on out of the rest.
 */
export function createFileStore(options: FileStoreOptions): Store {
  return new FileStore(options.directory, options.log);
}

interface Waiting {
  readonly body: Buffer;
  readonly resolve: () => void;
}

class FileStore implements Store {
  readonly #directory: string;
  readonly #log: Log;
  readonly #closing = new AbortController();
  #lock: Lock | undefined;
  #journal: Journal | undefined;
  /** What is on disk, kept for the next snapshot. */
  #records = new Map<string, Uint8Array>();
  #sequence = 0;
  #generation = 1;
  #base = 1;
  #compactAt = LEAST_JOURNAL_BYTES;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #renewing: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;
  /** Why commits wait. */
  #blocked: Problem | undefined;
  /** Why the reserve is short. */
  #short: Problem | undefined;

  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  async load(): Promise<Result<Loaded>> {
    const unprepared = await this.#prepare();
    if (unprepared !== undefined) return refuse(unprepared);
    const recovered = await recover(this.#directory);
    if (!recovered.ok) {
      await this.close();
      return recovered;
    }
    const problem = await this.#begin(recovered.value);
    if (problem !== undefined) {
      await this.close();
      return refuse(problem);
    }
    const { notes } = recovered.value;
    return ok({ records: new Map(this.#records), repaired: notes.length > 0 ? notes.join('; ') : undefined });
  }

  commit(batch: Batch): Promise<void> {
    if (this.#journal === undefined || this.#closing.signal.aborted) throw new Error('the store is not open');
    return new Promise(resolve => {
      this.#waiting.push({ body: encodeBatch(batch), resolve });
      this.#flushing ??= this.#flush();
    });
  }

  trouble(): Problem | undefined {
    return this.#blocked ?? this.#short;
  }

  /** What can't be written now, after one last attempt, stays undone; its promises don't settle. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#flushing;
    await this.#renewing;
    await this.#compacting;
    await this.#journal?.close();
    this.#journal = undefined;
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** Makes the directory, keeps others out, sweeps up what an interrupted `replaceFile` left. */
  async #prepare(): Promise<Problem | undefined> {
    try {
      await mkdir(dirname(this.#directory), { recursive: true });
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      const lock = await lockDirectory(this.#directory);
      if (!lock.ok) return lock.problem;
      this.#lock = lock.value;
      for (const name of await readdir(this.#directory)) {
        if (/^\d+\.(snapshot|journal)\.tmp$/.test(name)) await rm(join(this.#directory, name));
      }
      return undefined;
    } catch (error) {
      await this.close();
      return fileProblem(error, this.#directory);
    }
  }

  async #begin(recovered: Recovered): Promise<Problem | undefined> {
    this.#records = recovered.records;
    this.#sequence = recovered.sequence;
    this.#generation = recovered.generation;
    this.#base = recovered.base;
    this.#compactAt = Math.max(LEAST_JOURNAL_BYTES, snapshotBytes(this.#records));
    try {
      const path = this.#path(this.#generation, 'jrnl');
      this.#journal = recovered.end === 0 ? await Journal.create(path) : await Journal.open(path, recovered);
      await this.#journal.reserve(RESERVE_BYTES / 2);
    } catch (error) {
      const problem = fileProblem(error, this.#directory);
      if (this.#journal === undefined || this.#journal.left() < LEAST_RESERVE_BYTES) return problem;
      this.#short = problem;
      this.#renew();
    }
    // Each start leaves a copy of what it found: of a journal alone, damage at its beginning would leave nothing.
    if (recovered.notes.length > 0 || this.#base < this.#generation || this.#open().used() > 0) {
      // Awaited, so that journals don't pile up where one start after another is cut short.
      await this.#compact();
      await this.#compacting;
    }
    return undefined;
  }

  /** Writes what waits, all of it at once, until nothing does. */
  async #flush(): Promise<void> {
    // Those that are committed in the same turn of the event loop share the first fsync, too.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const first = this.#sequence + 1;
      const frames = group.map((waiting, index) => encodeFrame(first + index, waiting.body));
      if (!(await this.#write(Buffer.concat(frames)))) break;
      this.#sequence += group.length;
      for (const waiting of group) {
        applyBatch(waiting.body, this.#records);
        waiting.resolve();
      }
      this.#renew();
      if (this.#open().used() > this.#compactAt) await this.#compact();
    }
    this.#flushing = undefined;
  }

  /** Tries until it is done (true) or the store is closed (false). */
  async #write(bytes: Buffer): Promise<boolean> {
    for (;;) {
      try {
        const journal = this.#open();
        if (journal.left() < bytes.length) await journal.reserve(bytes.length);
        await journal.append(bytes);
        this.#setBlocked(undefined);
        return true;
      } catch (error) {
        this.#setBlocked(fileProblem(error, this.#directory));
      }
      if (this.#closing.signal.aborted) {
        this.#log.error('closed with facts that are not on disk', { bytes: bytes.length });
        return false;
      }
      await this.#pause();
    }
  }

  /** Refills the reserve beside the commits, as long as it takes. */
  #renew(): void {
    const journal = this.#open();
    if (this.#renewing !== undefined) return;
    if (this.#short === undefined && journal.left() >= RESERVE_BYTES / 2) return;
    this.#renewing = this.#refill(journal).finally(() => {
      this.#renewing = undefined;
    });
  }

  async #refill(journal: Journal): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await journal.reserve(RESERVE_BYTES);
        this.#setShort(undefined);
        return;
      } catch (error) {
        this.#setShort(fileProblem(error, this.#directory));
      }
      await this.#pause();
    }
  }

  /**
   * Goes over to the next generation: a new journal at once, its snapshot beside the commits. A crash between the two
   * leaves an older snapshot with all journals since.
   */
  async #compact(): Promise<void> {
    if (this.#compacting !== undefined || this.#renewing !== undefined || this.#closing.signal.aborted)
      return;
    const unused = this.#base < this.#generation && this.#open().used() === 0;
    if (!unused && !(await this.#beginJournal())) return;
    this.#compacting = this.#snapshot(this.#generation, this.#sequence, new Map(this.#records)).finally(
      () => {
        this.#compacting = undefined;
      },
    );
  }

  async #beginJournal(): Promise<boolean> {
    const old = this.#open();
    try {
      this.#journal = await Journal.create(this.#path(this.#generation + 1, 'jrnl'));
    } catch (error) {
      this.#compactAt = old.used() + RESERVE_BYTES / 4;
      this.#log.warn('no new journal could be made', { why: describe(fileProblem(error, this.#directory)) });
      return false;
    }
    this.#generation += 1;
    this.#compactAt = LEAST_JOURNAL_BYTES;
    await old.close();
    return true;
  }

  async #snapshot(
    generation: number,
    sequence: number,
    records: ReadonlyMap<string, Uint8Array>,
  ): Promise<void> {
    try {
      await writeSnapshot(this.#path(generation, 'snap'), sequence, records);
      this.#compactAt = Math.max(LEAST_JOURNAL_BYTES, snapshotBytes(records));
      await this.#removeBefore(this.#base);
      this.#base = generation;
    } catch (error) {
      this.#log.warn('no snapshot could be written', { why: describe(fileProblem(error, this.#directory)) });
    }
  }

  async #removeBefore(base: number): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const parsed = parseFileName(name);
      if (parsed !== undefined && parsed.generation < base) await rm(join(this.#directory, name));
    }
    await syncDirectory(this.#directory);
  }

  #setBlocked(problem: Problem | undefined): void {
    this.#tell(this.#blocked, problem, 'facts wait for the disk');
    this.#blocked = problem;
  }

  #setShort(problem: Problem | undefined): void {
    this.#tell(this.#short, problem, 'the reserve for facts is short');
    this.#short = problem;
  }

  #tell(before: Problem | undefined, after: Problem | undefined, what: string): void {
    if (before === undefined && after !== undefined) this.#log.error(what, { why: describe(after) });
    if (before !== undefined && after === undefined) this.#log.info(`no longer: ${what}`);
  }

  /** Until the next attempt, or `close`. */
  async #pause(): Promise<void> {
    await sleep(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  #path(generation: number, kind: 'snap' | 'jrnl'): string {
    return join(this.#directory, fileName(generation, kind));
  }

  #open(): Journal {
    if (this.#journal === undefined) throw new Error('the store is not open');
    return this.#journal;
  }
}
