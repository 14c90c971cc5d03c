import type { PeerId } from '../address.ts';
import { Allowance } from '../allowance.ts';
import type { Context } from './context.ts';
import { NEIGHBOUR_RATES, OWNER_RATES } from './rates.ts';
import type { Millis } from './step.ts';

/** Who broke a rule is refused for so long, twice as long each further time. */
const REFUSED_MIN_MS = 10_000;
const REFUSED_MAX_MS = 600_000;
/** Forgiven, where nothing happened for so long. */
const FORGIVEN_MS = 3_600_000;
/** New identities cost nothing, memory does. */
const MAX_OFFENDERS = 4_096;

interface Offence {
  times: number;
  at: Millis;
}

/** How peers behave: what each may cost, and what becomes of those who break a rule. */
export class Conduct {
  readonly #context: Context;
  readonly #messages = new Allowance(NEIGHBOUR_RATES.messages);
  readonly #bytes = new Allowance(NEIGHBOUR_RATES.bytes);
  readonly #digests = new Allowance(NEIGHBOUR_RATES.digests);
  readonly #checks = new Allowance(NEIGHBOUR_RATES.checks);
  readonly #deltas = new Allowance(OWNER_RATES.deltas);
  readonly #entries = new Allowance(OWNER_RATES.entries);
  readonly #offences = new Map<PeerId, Offence>();
  /** Hung up on, and not gone yet: what still comes from them is not looked at. */
  readonly #dismissed = new Set<PeerId>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** A connection begins, or ends. */
  changed(peer: PeerId): void {
    this.#dismissed.delete(peer);
  }

  /** Whether a message of `bytes` bytes from this neighbour may be read. */
  admits(from: PeerId, bytes: number): boolean {
    if (this.#dismissed.has(from)) return false;
    if (!this.#bytes.spend(from, bytes, this.#context.now())) {
      return this.breach(from, 'sent more bytes than a router ever has to');
    }
    return true;
  }

  /** Whether this neighbour may say one more thing that is no news. */
  admitsIdle(from: PeerId): boolean {
    return (
      this.#messages.spend(from, 1, this.#context.now()) ||
      this.breach(from, 'sent more messages than a router ever has to')
    );
  }

  /** Whether this neighbour may ask for one more answer. */
  admitsDigest(from: PeerId): boolean {
    return (
      this.#digests.spend(from, 1, this.#context.now()) ||
      this.breach(from, 'asked more often than a router ever has to')
    );
  }

  /** Whether so many more entries of one owner, that this neighbour carries, may be looked at now. */
  admitsNews(from: PeerId, owner: PeerId, entries: number): boolean {
    const now = this.#context.now();
    return (
      this.#deltas.spend(owner, 1, now) &&
      this.#entries.spend(owner, entries, now) &&
      this.#checks.spend(from, entries + 1, now)
    );
  }

  /** What was made up in an owner's name is not its expense. */
  refund(owner: PeerId, entries: number): void {
    const now = this.#context.now();
    this.#deltas.spend(owner, -1, now);
    this.#entries.spend(owner, -entries, now);
  }

  /** Ends the connection with a peer that broke a rule, and refuses it for a while. */
  breach(peer: PeerId, reason: string): false {
    if (this.#dismissed.has(peer)) return false;
    this.#dismissed.add(peer);
    this.#context.emit({ kind: 'hang-up', peer, reason, refuseMs: this.#punish(peer) });
    return false;
  }

  #punish(peer: PeerId): Millis {
    const now = this.#context.now();
    const before = this.#offences.get(peer);
    const times = before === undefined || now - before.at > FORGIVEN_MS ? 1 : before.times + 1;
    this.#offences.delete(peer);
    const oldest = this.#offences.size < MAX_OFFENDERS ? undefined : this.#offences.keys().next().value;
    if (oldest !== undefined) this.#offences.delete(oldest);
    this.#offences.set(peer, { times, at: now });
    return Math.min(REFUSED_MAX_MS, REFUSED_MIN_MS * 2 ** (times - 1));
  }
}
