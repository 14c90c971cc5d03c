import { Worker } from 'node:worker_threads';
import { ok, type Result } from '../../core/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { ListenPlace, Membership, NameRecord, NameServer } from '../../ports/name-server.ts';
import type { ServiceOptions } from './service.ts';
import type { Answers, Order, Told } from './thread.ts';

export interface NameServerOptions extends ServiceOptions {
  /** What the thread runs. */
  readonly program: URL;
  readonly log: Log;
}

/** A thread that died is started again: at once, then after longer and longer, up to this. */
const LONGEST_WAIT_MS = 5_000;
const FIRST_WAIT_MS = 100;
/** Who ran for so long has not died of its start. */
const SETTLED_MS = 10_000;
/** What a server of names needs at most; beyond it the thread dies and starts anew, instead of the router. */
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 };

type Asked = 'listen' | 'report' | 'close';

/**
 * The DNS server in a thread of its own, so that a storm of gossip doesn't delay answers, nor questions the gossip. A
 * thread that dies is started again with all names and places.
 */
export function createNameServer(options: NameServerOptions): NameServer {
  return new ThreadedNameServer(options);
}

class ThreadedNameServer implements NameServer {
  readonly #options: NameServerOptions;
  readonly #published = new Map<string, NameRecord>();
  readonly #pending = new Map<number, (value: unknown) => void>();
  #places: readonly ListenPlace[] = [];
  #memberships: readonly Membership[] = [];
  #worker: Worker | undefined;
  #startedAt = 0;
  #wait = 0;
  #timer: NodeJS.Timeout | undefined;
  #restarts = 0;
  #tickets = 0;
  #isOpen = false;
  #closed = false;

  constructor(options: NameServerOptions) {
    this.#options = { ...options, zone: options.zone.replace(/\.$/, '').toLowerCase() };
    this.#start();
  }

  async listen(places: readonly ListenPlace[]): Promise<Result<void>> {
    const result = await this.#ask('listen', { places });
    if (result === undefined) {
      // The thread died meanwhile; the next one begins with these.
      this.#places = places;
      return ok(undefined);
    }
    if (result.ok) this.#places = places;
    return result;
  }

  open(): void {
    this.#isOpen = true;
    this.#order({ kind: 'open' });
  }

  publish(records: readonly NameRecord[]): void {
    for (const record of records) {
      const key = `${record.network} ${record.name}`;
      if (record.addresses.length > 0) this.#published.set(key, record);
      else this.#published.delete(key);
    }
    this.#order({ kind: 'publish', records });
  }

  belong(memberships: readonly Membership[]): void {
    this.#memberships = memberships;
    this.#order({ kind: 'belong', memberships });
  }

  async report() {
    const report = await this.#ask('report', {});
    const none = { places: [], names: 0, addresses: 0, upstreams: [], counters: {} };
    return { ...(report ?? none), restarts: this.#restarts };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#ask('close', {});
    await this.#worker?.terminate();
  }

  #start(): void {
    const { program, resolvConf, ttl, upstreamPort, zone } = this.#options;
    const service: ServiceOptions = {
      zone,
      ttl,
      resolvConf,
      ...(upstreamPort !== undefined && { upstreamPort }),
    };
    const worker = new Worker(program, {
      name: 'dns',
      workerData: service,
      resourceLimits: LIMITS,
    });
    this.#worker = worker;
    this.#startedAt = performance.now();
    let why: unknown;
    worker.on('message', (told: Told) => this.#told(told));
    worker.on('error', error => {
      why = error;
    });
    worker.on('exit', code => this.#ended(worker, why ?? `exit status ${code}`));
    if (this.#published.size > 0) this.publish([...this.#published.values()]);
    if (this.#memberships.length > 0) this.belong(this.#memberships);
    if (this.#isOpen) this.open();
  }

  #ended(worker: Worker, why: unknown): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    for (const settle of this.#pending.values()) settle(undefined);
    this.#pending.clear();
    if (this.#closed) return;
    const settled = performance.now() - this.#startedAt > SETTLED_MS;
    this.#wait = settled ? 0 : Math.min(Math.max(FIRST_WAIT_MS, this.#wait * 2), LONGEST_WAIT_MS);
    this.#restarts += 1;
    this.#options.log.error('the DNS thread died; it is started again', { why });
    this.#timer = setTimeout(() => void this.#restart(), this.#wait);
  }

  async #restart(): Promise<void> {
    this.#start();
    const result = await this.#ask('listen', { places: this.#places });
    if (result?.ok) this.#options.log.info('the DNS thread runs again', { names: this.#published.size });
  }

  #told(told: Told): void {
    if (told.kind === 'unusable') {
      this.#options.log.warn('names that no question can ask for', { names: told.names });
      return;
    }
    this.#pending.get(told.ticket)?.(told.value);
    this.#pending.delete(told.ticket);
  }

  #order(order: Order): void {
    this.#worker?.postMessage(order);
  }

  /** Undefined where the thread has died. */
  #ask<Kind extends Asked>(
    kind: Kind,
    rest: Omit<Extract<Order, { kind: Kind }>, 'kind' | 'ticket'>,
  ): Promise<Answers[Kind] | undefined> {
    if (this.#worker === undefined) return Promise.resolve(undefined);
    this.#tickets += 1;
    const ticket = this.#tickets;
    return new Promise(resolve => {
      this.#pending.set(ticket, value => resolve(value as Answers[Kind] | undefined));
      this.#order({ kind, ticket, ...rest } as Order);
    });
  }
}
