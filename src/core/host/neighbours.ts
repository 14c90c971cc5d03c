import type { PeerId } from '../address.ts';
import { encodeMessage } from '../wire.ts';
import type { Context } from './context.ts';
import type { Millis } from './step.ts';

/** How often neighbours hear from us. */
const HEARTBEAT_MS = 1_000;
/** Silence after which a neighbour is shown as suspect: three heartbeats. */
const SUSPECT_MS = 3_000;
/** Silence after which it is shown as down. */
export const DOWN_MS = 10_000;
/** Silence after which its connection is given up. Shorter limits killed whole meshes under load. */
const GIVEN_UP_MS = 15_000;

/** A peer that we have a connection with. */
export interface Neighbour {
  readonly peer: PeerId;
  /** HOST:PORT of the other end. */
  readonly address: string;
  readonly outbound: boolean;
  heard: Millis;
}

export interface Neighbours {
  up(peer: PeerId, address: string, outbound: boolean): void;
  down(peer: PeerId): void;
  /** Anything that came from a peer is a sign of life. */
  heard(peer: PeerId): void;
  /**
   * The kernel of its host answers again after an outage. A connection on which nothing comes by then waits for the next
   * attempt of TCP, which may be as far off as the outage was long: a new one is there sooner.
   */
  answers(peer: PeerId): void;
  get(peer: PeerId): Neighbour | undefined;
  all(): Iterable<Neighbour>;
  readonly count: number;
  /** What its silence makes of it; undefined where it is heard. */
  silent(neighbour: Neighbour): 'suspect' | 'down' | undefined;
  /** How long nothing was heard of a peer directly; undefined for one that was never a neighbour. */
  unheard(peer: PeerId): Millis | undefined;
}

/** `doubted` is told every second of each that is silent: whether its host answers tells more. */
export function createNeighbours(context: Context, doubted: (peer: PeerId) => void): Neighbours {
  const { agenda, emit, replica } = context;
  const neighbours = new Map<PeerId, Neighbour>();
  const lastHeard = new Map<PeerId, Millis>();

  const silence = (neighbour: Neighbour): Millis => context.now() - neighbour.heard;

  function beat(): void {
    const bytes = encodeMessage({
      kind: 'heartbeat',
      fingerprint: replica.fingerprint(),
      boot: context.config.boot,
    });
    for (const neighbour of neighbours.values()) {
      const { peer } = neighbour;
      if (silence(neighbour) > GIVEN_UP_MS)
        emit({ kind: 'hang-up', peer, reason: 'silent for 15 s', refuseMs: 0 });
      else emit({ kind: 'send', to: peer, bytes });
      if (silence(neighbour) > SUSPECT_MS) doubted(peer);
    }
    if (neighbours.size > 0) agenda.plan('heartbeat', context.now() + HEARTBEAT_MS, beat);
  }

  return {
    up(peer, address, outbound) {
      neighbours.set(peer, { peer, address, outbound, heard: context.now() });
      agenda.plan('heartbeat', context.now() + HEARTBEAT_MS, beat);
    },
    down(peer) {
      lastHeard.set(peer, neighbours.get(peer)?.heard ?? context.now());
      neighbours.delete(peer);
    },
    heard(peer) {
      const neighbour = neighbours.get(peer);
      if (neighbour !== undefined) neighbour.heard = context.now();
    },
    answers(peer) {
      const neighbour = neighbours.get(peer);
      if (neighbour === undefined || silence(neighbour) <= SUSPECT_MS) return;
      emit({ kind: 'hang-up', peer, reason: 'stuck since an outage that is over', refuseMs: 0 });
    },
    get: peer => neighbours.get(peer),
    all: () => neighbours.values(),
    get count() {
      return neighbours.size;
    },
    silent(neighbour) {
      if (silence(neighbour) > DOWN_MS) return 'down';
      return silence(neighbour) > SUSPECT_MS ? 'suspect' : undefined;
    },
    unheard(peer) {
      const heard = neighbours.get(peer)?.heard ?? lastHeard.get(peer);
      return heard === undefined ? undefined : context.now() - heard;
    },
  };
}
