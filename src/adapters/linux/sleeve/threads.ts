import { Worker } from 'node:worker_threads';
import type { Log } from '../../../ports/log.ts';
import { close, eventDescriptor, wake } from '../libc.ts';
import type { Moved, ThreadOrder, ThreadPeer, ThreadStart } from './peers.ts';

const DIRECTIONS = ['out', 'in'] as const;
/** One that died is started again after so long. */
const PAUSE_MS = 200;
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };

/** Of the whole process, as sessions are: a thread of another device must not count from the same number with the same key. */
let round = 0;

export interface ThreadsOptions {
  /** What a thread runs. */
  readonly program: URL;
  readonly log: Log;
  readonly tap: number;
  readonly udp: number;
  readonly counts: SharedArrayBuffer;
  readonly moved: (moved: Moved) => void;
}

interface Running {
  readonly worker: Worker;
  readonly wake: number;
  readonly ended: Promise<unknown>;
}

export interface Table {
  readonly own: number;
  peersFor(direction: ThreadStart['direction']): readonly ThreadPeer[];
}

/** The two threads that carry frames, one for each direction; one that dies is started again. */
export class SleeveThreads {
  readonly #options: ThreadsOptions;
  readonly #running = new Map<ThreadStart['direction'], Running>();
  #table: Table;
  #stopped = false;

  constructor(options: ThreadsOptions, table: Table) {
    this.#options = options;
    this.#table = table;
    for (const direction of DIRECTIONS) this.#start(direction);
  }

  bring(table: Table): void {
    this.#table = table;
    for (const [direction, { wake: fd, worker }] of this.#running)
      this.#order(worker, fd, { kind: 'peers', own: table.own, peers: table.peersFor(direction) });
  }

  /** Resolves when neither can use a descriptor any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const all = [...this.#running.values()];
    for (const { worker, wake: fd } of all) this.#order(worker, fd, { kind: 'stop' });
    await Promise.all(all.map(({ ended }) => ended));
  }

  #order(worker: Worker, fd: number, order: ThreadOrder): void {
    worker.postMessage(order);
    wake(fd);
  }

  #start(direction: ThreadStart['direction']): void {
    const { counts, log, moved, program, tap, udp } = this.#options;
    const fd = eventDescriptor();
    const { own } = this.#table;
    const peers = this.#table.peersFor(direction);
    const start: ThreadStart = { direction, tap, udp, wake: fd, own, peers, round, counts };
    round += 1;
    const worker = new Worker(program, {
      name: `sleeve-${direction}`,
      workerData: start,
      resourceLimits: LIMITS,
    });
    worker.on('message', moved);
    worker.on('error', why => log.error('a thread that carries frames died', { direction, why }));
    const ended = new Promise(resolve => {
      worker.on('exit', () => {
        close(fd);
        this.#running.delete(direction);
        resolve(undefined);
        if (!this.#stopped) setTimeout(() => this.#stopped || this.#start(direction), PAUSE_MS);
      });
    });
    this.#running.set(direction, { worker, wake: fd, ended });
  }
}
