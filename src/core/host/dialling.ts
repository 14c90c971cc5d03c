import { compare, type PeerId } from '../address.ts';
import type { Problem } from '../errors.ts';
import { toBytes, toObject } from '../json.ts';
import type { Context } from './context.ts';
import type { Neighbours } from './neighbours.ts';
import type { Millis } from './step.ts';

/** Up to so many hosts, every router connects to all others; the lower figure turns that on again. */
const ALL_UP_TO = 32;
const ALL_AGAIN_AT = 24;
/** Above that, so many neighbours are looked for: enough that losing a few never cuts the mesh. */
const NEIGHBOURS_WANTED = 8;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** How often the dialler looks for something to do. */
const REVIEW_MS = 500;
/** How often one host that can't be reached through the mesh is dialled, so that halves find each other. */
const REUNITE_MS = 10_000;
/** Of two that know each other from gossip, the higher peer id waits for the lower one's call. */
const COURTESY_MS = 2_000;
/** An attempt of which nothing was heard counts as failed (the transport's own limit is 5 s). */
const ATTEMPT_MS = 20_000;

const TARGETS_RECORD = 'targets';

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

export interface Dialling {
  start(): void;
  connect(addresses: readonly string[], replace: boolean): void;
  forget(addresses: readonly string[]): void;
  up(peer: PeerId, address: string, outbound: boolean): void;
  down(peer: PeerId): void;
  failed(address: string, problem: Problem): void;
  /** Looks at once at what is to be dialled. */
  review(): void;
  targets(): readonly string[];
  attempts(): Iterable<Attempt>;
  /** Whether anybody is being looked for: else there is nobody to wait for at the start. */
  readonly hopeful: boolean;
}

export function createDialling(context: Context, neighbours: Neighbours): Dialling {
  const { agenda, config, random, topology } = context;
  const attempts = new Map<string, Attempt>();
  let sparse = false;

  const attemptOf = (address: string): Attempt => {
    const known = attempts.get(address);
    if (known !== undefined) return known;
    const fresh = {
      address,
      target: false,
      dialling: false,
      failures: 0,
      notBefore: 0,
      problem: undefined,
      peer: undefined,
    };
    attempts.set(address, fresh);
    return fresh;
  };

  const targets = (): readonly string[] =>
    [...attempts.values()]
      .filter(attempt => attempt.target)
      .map(attempt => attempt.address)
      .sort(compare);

  const store = (): void =>
    context.emit({ kind: 'persist', records: new Map([[TARGETS_RECORD, toBytes({ targets: targets() })]]) });

  const connected = (attempt: Attempt): boolean => {
    const peer = attempt.peer ?? topology.at(attempt.address);
    return peer !== undefined && (peer === config.self || neighbours.get(peer) !== undefined);
  };

  function dial(attempt: Attempt): void {
    if (attempt.dialling || attempt.notBefore > context.now() || connected(attempt)) return;
    attempt.dialling = true;
    attempt.notBefore = context.now() + ATTEMPT_MS;
    context.emit({ kind: 'connect', address: attempt.address });
  }

  /** The addresses of peers known from gossip that have no connection with us. */
  function strangers(): readonly { peer: PeerId; address: string }[] {
    return topology.peers().flatMap(peer => {
      if (peer === config.self || neighbours.get(peer) !== undefined) return [];
      return (topology.host(peer)?.addresses ?? []).map(address => ({ peer, address }));
    });
  }

  function dialKnown(): void {
    const hosts = topology.peers().length;
    sparse = sparse ? hosts > ALL_AGAIN_AT : hosts > ALL_UP_TO;
    const known = strangers();
    if (sparse) {
      const stranger = random.pick(known);
      if (neighbours.count < NEIGHBOURS_WANTED && stranger !== undefined) dial(attemptOf(stranger.address));
      return;
    }
    for (const { peer, address } of known) {
      const fresh = !attempts.has(address);
      const attempt = attemptOf(address);
      if (fresh && config.self > peer) attempt.notBefore = context.now() + COURTESY_MS;
      dial(attempt);
    }
  }

  function review(): void {
    for (const attempt of attempts.values()) {
      if (attempt.dialling && attempt.notBefore <= context.now()) attempt.dialling = false;
      if (attempt.target && (!sparse || neighbours.count < NEIGHBOURS_WANTED)) dial(attempt);
    }
    if (config.discovery) dialKnown();
    agenda.plan('dial', context.now() + REVIEW_MS, review);
  }

  function reunite(): void {
    const reached = topology.reachable(config.self);
    const stranger = random.pick(strangers().filter(({ peer }) => !reached.has(peer)));
    if (stranger !== undefined && config.discovery) dial(attemptOf(stranger.address));
    agenda.plan('reunite', context.now() + REUNITE_MS * (0.5 + random.fraction()), reunite);
  }

  return {
    start() {
      for (const address of config.targets ?? storedTargets(config.records)) attemptOf(address).target = true;
      if (config.targets !== undefined) store();
      review();
      agenda.plan('reunite', context.now() + REUNITE_MS * random.fraction(), reunite);
    },
    connect(addresses, replace) {
      if (replace) for (const attempt of attempts.values()) attempt.target = false;
      for (const address of addresses) {
        const attempt = attemptOf(address);
        Object.assign(attempt, { target: true, failures: 0, problem: undefined });
        if (!attempt.dialling) attempt.notBefore = 0;
      }
      store();
      review();
    },
    forget(addresses) {
      for (const address of addresses) {
        const attempt = attempts.get(address);
        if (attempt === undefined) continue;
        attempt.target = false;
        if (!attempt.dialling) attempts.delete(address);
      }
      store();
    },
    up(peer, address, outbound) {
      const attempt = outbound ? attempts.get(address) : undefined;
      if (attempt !== undefined)
        Object.assign(attempt, { peer, dialling: false, failures: 0, problem: undefined, notBefore: 0 });
    },
    down(peer) {
      for (const attempt of attempts.values()) {
        if (attempt.peer === peer) attempt.notBefore = context.now() + RETRY_MIN_MS * random.fraction();
      }
    },
    failed(address, problem) {
      const attempt = attempts.get(address);
      if (attempt === undefined) return;
      attempt.dialling = false;
      attempt.problem = problem;
      const delay =
        Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** attempt.failures) * (0.75 + random.fraction() / 2);
      attempt.failures += 1;
      attempt.notBefore = problem.code === 'peer-is-self' ? Number.POSITIVE_INFINITY : context.now() + delay;
      if (!attempt.target && topology.at(address) === undefined) attempts.delete(address);
    },
    review,
    targets,
    attempts: () => attempts.values(),
    get hopeful() {
      return targets().length > 0 || topology.peers().some(peer => peer !== config.self);
    },
  };
}

function storedTargets(records: ReadonlyMap<string, Uint8Array>): readonly string[] {
  const bytes = records.get(TARGETS_RECORD);
  const stored = bytes === undefined ? undefined : toObject(bytes)?.['targets'];
  return Array.isArray(stored) ? stored.filter(target => typeof target === 'string') : [];
}
