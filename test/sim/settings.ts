import type { PeerId } from '../../src/core/address.ts';
import { createRandom, type Random } from '../../src/core/host/random.ts';
import type { IpamConfig } from '../../src/core/host/step.ts';
import type { Limits } from '../../src/core/replica.ts';

/** What may go wrong in a run; each seed draws its own set, so that no fault hides behind another. */
export const FAULTS = [
  'loss',
  'repeat',
  'reorder',
  'clog',
  'partition',
  'one-way',
  'kill',
  'biased-kill',
  'power',
  'rollback',
  'wipe',
  'long-absence',
  'pause',
  'disk-full',
  'slow-disk',
  'skew',
  'jump',
  'clone',
  'later',
  'containers',
  'churn',
  'leave',
] as const;

export type Fault = (typeof FAULTS)[number];

export interface Settings {
  readonly seed: number;
  readonly hosts: number;
  readonly minutes: number;
  readonly faults: ReadonlySet<Fault>;
  /** Shares of messages. */
  readonly loss: number;
  readonly repeat: number;
  /** One-way delay: at least, and on average so much more. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Uniform up to this, beside the other two. */
  readonly spreadMs: number;
  /** On average between two faults of the whole mesh, and between two wishes of a host's user. */
  readonly faultEveryMs: number;
  readonly wishEveryMs: number;
  /** How many addresses the users of all hosts draw from: few make conflicts. */
  readonly addresses: number;
  readonly syncMs: number;
  readonly limits: Partial<Limits>;
  /** Where the mesh gives out addresses. */
  readonly ipam?: (launch: Launch) => IpamConfig;
}

/** Which machine was launched with which targets, and how it comes to the mesh. */
export interface Launch {
  readonly index: number;
  readonly targets: readonly string[];
  readonly arrival: Arrival;
}

/** For the first time; or as somebody new, because it lost its disk or left: told of one that holds addresses, or not. */
export type Arrival = 'first' | 'to-a-holder' | 'to-others';

/** One generator for each purpose, so that a draw more in one place doesn't shift all others. */
export const STREAMS = [
  'settings',
  'network',
  'faults',
  'users',
  'disk',
  'kernel',
  'later',
  'ipam',
  'votes',
] as const;
export type Stream = (typeof STREAMS)[number];

export const streamOf = (seed: number, name: Stream): Random =>
  createRandom(seed + 2 ** 32 * (STREAMS.indexOf(name) + 1));

export interface Wishes {
  readonly hosts?: number | undefined;
  readonly minutes?: number | undefined;
  readonly without?: readonly string[] | undefined;
}

/** Few hosts in most runs: what goes wrong with a hundred mostly goes wrong with five, and sooner. */
const SIZES = [2, 3, 3, 4, 4, 5, 5, 6, 8, 10, 12, 20];

/** In larger meshes the users wish no more than those of so many hosts: what each wishes, all have to hear of. */
const WISHFUL_HOSTS = 20;

export function drawSettings(seed: number, { hosts, minutes, without = [] }: Wishes = {}): Settings {
  const random = streamOf(seed, 'settings');
  const between = (low: number, high: number): number => low + (high - low) * random.fraction();
  const drawnHosts = random.pick(SIZES)!;
  const drawnMinutes = Math.round(between(2, 8));
  // Drawn for each seed: some runs have nearly all faults, some only a few.
  const share = random.fraction();
  const drawn = FAULTS.filter(() => random.fraction() < share);
  const faults = new Set<Fault>(drawn.filter(fault => !without.includes(fault)));
  const loss = random.pick([0.01, 0.05, 0.1, 0.3])!;
  const small = random.fraction() < 0.7;
  const deletions = Math.round(between(2, 40));
  const early = Math.round(between(2, 64));
  return {
    seed,
    hosts: hosts ?? drawnHosts,
    minutes: minutes ?? drawnMinutes,
    faults,
    loss: faults.has('loss') ? loss : 0,
    repeat: faults.has('repeat') ? between(0, 0.2) : 0,
    delayMs: random.pick([1, 1, 5, 20])!,
    jitterMs: random.pick([1, 5, 30, 100])!,
    spreadMs: 0,
    faultEveryMs: random.pick([1_000, 4_000, 10_000, 25_000])!,
    wishEveryMs: random.pick([300, 1_000, 5_000])! * Math.max(1, (hosts ?? drawnHosts) / WISHFUL_HOSTS),
    addresses: Math.max(3, Math.round((hosts ?? drawnHosts) * random.pick([0.7, 2, 5])!)),
    syncMs: faults.has('slow-disk') ? random.pick([50, 300, 1_000])! : random.pick([1, 3, 10])!,
    limits: small ? { deletions, early } : {},
  };
}

/** Nothing goes wrong and nobody wishes anything: for tests that say themselves what happens. */
export const CALM: Settings = {
  seed: 0,
  hosts: 0,
  minutes: 0,
  faults: new Set(),
  loss: 0,
  repeat: 0,
  delayMs: 0,
  jitterMs: 0,
  spreadMs: 0,
  faultEveryMs: Number.POSITIVE_INFINITY,
  wishEveryMs: Number.POSITIVE_INFINITY,
  addresses: 1,
  syncMs: 0,
  limits: {},
};

/** Who the machine with this number is, as long as it keeps its disk. */
export const peerOf = (index: number): PeerId => `12D3KooW${String(index + 1).padStart(44, '0')}` as PeerId;
