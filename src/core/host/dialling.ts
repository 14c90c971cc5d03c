import { compare, type PeerId } from '../address.ts';
import type { Problem } from '../errors.ts';
import { toBytes, toObject } from '../json.ts';
import type { Context } from './context.ts';
import type { Neighbours } from './neighbours.ts';
import type { HostConfig, Millis } from './step.ts';

/** Up to so many hosts, every router connects to all others; the lower figure turns that on again. */
const ALL_UP_TO = 32;
const ALL_AGAIN_AT = 24;
/** Above that, so many neighbours are looked for: enough that losing a few never cuts the mesh. */
const NEIGHBOURS_WANTED = 8;
/** Who has more than this in a large mesh is becoming everybody's hub, and lets go of one that can do without. */
const NEIGHBOURS_MAX = 24;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** Who has nobody yet does not wait long: where many start at once, the one that all dial answers late. */
const RETRY_ALONE_MS = 4_000;
/** How often one neighbour too many is let go of: slowly, since every connection that ends is news for everybody. */
const THIN_MS = 2_000;
/** How often the dialler looks for something to do. */
const REVIEW_MS = 500;
/** How often one host that can't be reached through the mesh is dialled, so that halves find each other. */
const REUNITE_MS = 10_000;
/** Of two that know each other from gossip, the higher peer id waits for the lower one's call. */
const COURTESY_MS = 2_000;
/** Of those known from gossip so many are dialled at a time: where many start at once, handshakes must not starve the rest. */
const DIALS_AT_ONCE = 4;
/** An attempt of which nothing was heard counts as failed (the transport's own limit is 5 s). */
const ATTEMPT_MS = 20_000;

const TARGETS_RECORD = 'targets';
const LAUNCH_RECORD = 'launch';

const NOBODY: ReadonlySet<PeerId> = new Set();

/** One address that is dialled, was, or will be. */
export interface Attempt {
  readonly address: string;
  /** Given by the user: dialled for ever. */
  target: boolean;
  dialling: boolean;
  failures: number;
  notBefore: Millis;
  problem: Problem | undefined;
  /** Who answered there. */
  peer: PeerId | undefined;
}

/** Whom this router dials, and when. */
export class Dialling {
  readonly #context: Context;
  readonly #neighbours: Neighbours;
  readonly #attempts = new Map<string, Attempt>();
  /** Whom the user wants to be left alone, although others know where they are. */
  readonly #forgotten: Set<PeerId>;
  #sparse = false;

  constructor(context: Context, neighbours: Neighbours) {
    this.#context = context;
    this.#neighbours = neighbours;
    this.#forgotten = new Set(storedForgotten(context.config));
    for (const address of initialTargets(context.config)) this.#attempt(address).target = true;
  }

  start(): void {
    const { agenda, now, random } = this.#context;
    this.#store();
    this.review();
    agenda.plan('reunite', now() + REUNITE_MS * random.fraction(), () => this.#reunite());
    agenda.plan('thin', now() + THIN_MS, () => this.#thin());
  }

  /** Whether anybody is being looked for: else there is nobody to wait for at the start. */
  get hopeful(): boolean {
    const { config, topology } = this.#context;
    return this.targets().length > 0 || topology.peers().some(peer => peer !== config.self);
  }

  targets(): readonly string[] {
    const targets = [...this.#attempts.values()].filter(attempt => attempt.target);
    return targets.map(attempt => attempt.address).sort(compare);
  }

  attempts(): Iterable<Attempt> {
    return this.#attempts.values();
  }

  /** What a user asks for is tried at once, whatever came of it before. */
  connect(addresses: readonly string[], replace: boolean): void {
    if (replace) for (const attempt of this.#attempts.values()) attempt.target = false;
    for (const address of addresses) {
      const attempt = this.#attempt(address);
      Object.assign(attempt, { target: true, failures: 0, problem: undefined });
      if (!attempt.dialling) attempt.notBefore = 0;
      const peer = this.peerAt(address);
      if (peer !== undefined) this.#forgotten.delete(peer);
    }
    this.#store();
    this.review();
  }

  /** Connections that stand are left alone. */
  forget(addresses: readonly string[]): void {
    for (const address of addresses) {
      const peer = this.peerAt(address);
      if (peer !== undefined) this.#forgotten.add(peer);
      const attempt = this.#attempts.get(address);
      if (attempt === undefined) continue;
      attempt.target = false;
      if (!attempt.dialling) this.#attempts.delete(address);
    }
    this.#store();
  }

  up(peer: PeerId, address: string, outbound: boolean): void {
    const attempt = outbound ? this.#attempts.get(address) : undefined;
    if (attempt === undefined) return;
    Object.assign(attempt, { peer, dialling: false, failures: 0, problem: undefined, notBefore: 0 });
    this.#reviewSoon();
  }

  /** Who answered at an address last, or says that it is there. */
  peerAt(address: string): PeerId | undefined {
    const attempt = this.#attempts.get(address);
    if (attempt?.problem?.code === 'peer-is-self') return this.#context.config.self;
    return attempt?.peer ?? this.#context.topology.at(address);
  }

  down(peer: PeerId): void {
    const { now, random } = this.#context;
    for (const attempt of this.#attempts.values()) {
      if (attempt.peer === peer) attempt.notBefore = now() + RETRY_MIN_MS * random.fraction();
    }
  }

  failed(address: string, problem: Problem): void {
    const { now, random, topology } = this.#context;
    const attempt = this.#attempts.get(address);
    if (attempt === undefined) return;
    attempt.dialling = false;
    attempt.problem = problem;
    const longest = this.#neighbours.count === 0 ? RETRY_ALONE_MS : RETRY_MAX_MS;
    const delay = Math.min(longest, RETRY_MIN_MS * 2 ** attempt.failures) * (0.75 + random.fraction() / 2);
    attempt.failures += 1;
    attempt.notBefore = problem.code === 'peer-is-self' ? Number.POSITIVE_INFINITY : now() + delay;
    if (!attempt.target && topology.at(address) === undefined) this.#attempts.delete(address);
    this.#reviewSoon();
  }

  /** Looks at what is to be dialled now. */
  review(): void {
    const { agenda, config, now } = this.#context;
    for (const attempt of this.#attempts.values()) {
      if (attempt.dialling && attempt.notBefore <= now()) attempt.dialling = false;
      if (attempt.target && (!this.#sparse || this.#neighbours.count < NEIGHBOURS_WANTED))
        this.#dial(attempt);
    }
    if (config.discovery) this.#dialKnown();
    agenda.plan('dial', now() + REVIEW_MS, () => this.review());
  }

  #attempt(address: string): Attempt {
    const known = this.#attempts.get(address);
    if (known !== undefined) return known;
    const idle = {
      target: false,
      dialling: false,
      failures: 0,
      notBefore: 0,
      problem: undefined,
      peer: undefined,
    };
    const fresh: Attempt = { address, ...idle };
    this.#attempts.set(address, fresh);
    return fresh;
  }

  #store(): void {
    const records = new Map([
      [TARGETS_RECORD, toBytes({ targets: this.targets(), forgotten: [...this.#forgotten] })],
      [LAUNCH_RECORD, toBytes({ id: this.#context.config.launchId })],
    ]);
    this.#context.emit({ kind: 'persist', records });
  }

  /** Gives whether it is dialled from now on. */
  #dial(attempt: Attempt): boolean {
    const { config, emit, now, topology } = this.#context;
    if (attempt.dialling || attempt.notBefore > now()) return false;
    const peer = attempt.peer ?? topology.at(attempt.address);
    if (peer !== undefined && (peer === config.self || this.#neighbours.get(peer) !== undefined))
      return false;
    attempt.dialling = true;
    attempt.notBefore = now() + ATTEMPT_MS;
    emit({ kind: 'connect', address: attempt.address });
    return true;
  }

  /** One of the dials has ended: the next may begin. */
  #reviewSoon(): void {
    const { agenda, now } = this.#context;
    agenda.plan('dial', now(), () => this.review());
  }

  /** The addresses of peers known from gossip that have no connection with us, nor are in `known`. */
  #strangers(
    known: ReadonlySet<PeerId> = NOBODY,
  ): readonly { readonly peer: PeerId; readonly address: string }[] {
    const { config, topology } = this.#context;
    const reached = config.dialsReachable ? topology.reachable(config.self) : undefined;
    return topology.peers().flatMap(peer => {
      if (reached?.has(peer) === false) return [];
      const isLeft = known.has(peer) || peer === config.self || this.#forgotten.has(peer);
      if (isLeft || this.#neighbours.get(peer) !== undefined) return [];
      return (topology.host(peer)?.addresses ?? []).map(address => ({ peer, address }));
    });
  }

  #dialKnown(): void {
    const { config, now, random, topology } = this.#context;
    const hosts = topology.peers().length;
    this.#sparse = this.#sparse ? hosts > ALL_AGAIN_AT : hosts > ALL_UP_TO;
    if (this.#sparse) {
      if (this.#neighbours.count >= NEIGHBOURS_WANTED) return;
      const stranger = random.pick(this.#strangers());
      if (stranger !== undefined) this.#dial(this.#attempt(stranger.address));
      return;
    }
    let free = DIALS_AT_ONCE - [...this.#attempts.values()].filter(attempt => attempt.dialling).length;
    for (const { peer, address } of this.#strangers()) {
      const fresh = !this.#attempts.has(address);
      const attempt = this.#attempt(address);
      if (fresh && config.self > peer) attempt.notBefore = now() + COURTESY_MS;
      if (free > 0 && this.#dial(attempt)) free -= 1;
    }
  }

  /** Ends the connection with a neighbour that has enough others, if there are too many: one at a time. */
  #thin(): void {
    const { agenda, emit, now, random, topology } = this.#context;
    agenda.plan('thin', now() + THIN_MS * (0.5 + random.fraction()), () => this.#thin());
    if (!this.#sparse || this.#neighbours.count <= NEIGHBOURS_MAX) return;
    const free = [...this.#neighbours.all()].filter(
      ({ peer }) => topology.connections(peer).size > NEIGHBOURS_WANTED,
    );
    const peer = random.pick(free)?.peer;
    if (peer !== undefined)
      emit({ kind: 'hang-up', peer, reason: 'more neighbours than a large mesh needs', refuseMs: 0 });
  }

  #reunite(): void {
    const { agenda, config, now, random, topology } = this.#context;
    const reached = topology.reachable(config.self);
    const stranger = random.pick(this.#strangers(reached));
    if (stranger !== undefined && config.discovery) this.#dial(this.#attempt(stranger.address));
    agenda.plan('reunite', now() + REUNITE_MS * (0.5 + random.fraction()), () => this.#reunite());
  }
}

/** Whether the router comes back by itself, and not by another launch. */
export function isRestart({ launchId, records }: Pick<HostConfig, 'launchId' | 'records'>): boolean {
  const bytes = records.get(LAUNCH_RECORD);
  const stored = bytes === undefined ? undefined : toObject(bytes)?.['id'];
  return launchId !== '' && stored === launchId;
}

/** What the user gave with this launch; on a restart what became of it since, by `connect` and `forget`. */
function initialTargets(config: HostConfig): readonly string[] {
  const { records, targets } = config;
  return targets === undefined || isRestart(config) ? storedTargets(records) : targets;
}

/** What a user had forgotten counts until the next launch. */
function storedForgotten(config: HostConfig): readonly PeerId[] {
  if (config.targets !== undefined && !isRestart(config)) return [];
  return stringsIn(config.records, 'forgotten') as readonly PeerId[];
}

/** Whom an earlier run was told to dial. */
export const storedTargets = (records: HostConfig['records']): readonly string[] =>
  stringsIn(records, 'targets');

function stringsIn(records: HostConfig['records'], field: string): readonly string[] {
  const bytes = records.get(TARGETS_RECORD);
  const found = bytes === undefined ? undefined : toObject(bytes)?.[field];
  return Array.isArray(found) ? found.filter(each => typeof each === 'string') : [];
}
