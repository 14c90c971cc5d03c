import type { PeerId } from '../address.ts';
import { VXLAN_OVERHEAD } from '../forwarding.ts';
import type { Context } from './context.ts';
import type { Millis } from './step.ts';

/** A path that has not answered is asked often at first: the other end may still be programming its kernel. */
const FIRST_MS = 150;
const FIRST_TRIES = 10;
const UNANSWERED_MS = 1_000;
/** A path that works is looked at again: often where it is a neighbour's, else only to know that it lives. */
const NEIGHBOUR_MS = 2_000;
const OTHER_MS = 10_000;
/** So many losses in a row mean that the path, or its MTU, is another one now. */
const LOSSES = 3;
/** Every so many echoes, a path below the full size is tried at the full size again. */
const GROW_EVERY = 30;
/** So many mean that nothing got through for a while. */
const OUTAGE_LOSSES = 2;
/** Enough for an echo with its headers; says whether the path lives, whatever its MTU. */
const SMALL = 96;
const SIZES = [8_950, 3_950, 1_450, 1_400, 1_376, 1_350, 1_300, 1_200, 1_000, 576];

/** What has been measured of the way to one peer. */
export interface Path {
  /** Largest IP packet that goes through unfragmented; undefined while nothing has been answered. */
  readonly mtu: number | undefined;
  readonly rttMs: number | undefined;
  /** Whether the kernel there answers; undefined before the first answer or the first loss of several in a row. */
  readonly alive: boolean | undefined;
}

interface Measured {
  /** Its echo on the agenda: of these there are more than of anything else, so neither is made for each. */
  readonly probe: string;
  readonly ask: () => void;
  mtu: number | undefined;
  rttMs: number | undefined;
  alive: boolean | undefined;
  /** The size that is being tried; undefined where only a sign of life is looked for. */
  trying: number | undefined;
  losses: number;
  asked: number;
}

const UNMEASURED: Omit<Measured, 'probe' | 'ask'> = {
  mtu: undefined,
  rttMs: undefined,
  alive: undefined,
  trying: undefined,
  losses: 0,
  asked: 0,
};

export interface Paths {
  /** To be called whenever the topology has changed: new peers are measured, gone ones dropped. */
  refresh(): void;
  /** Gives whether the kernel there answers again after it did not several times in a row. */
  measured(peer: PeerId, size: number, alive: boolean, rttMs: number): boolean;
  get(peer: PeerId): Path | undefined;
  /** The largest packet that all measured paths take. */
  mtu(): number;
  /** The largest packet that could ever go through: the underlay's MTU less the encapsulation. */
  readonly full: number;
}

/** Measures the path to every peer, by echoes over the data path itself. `changed` is told of every new result. */
export function createPaths(
  context: Context,
  isNeighbour: (peer: PeerId) => boolean,
  changed: (peer: PeerId) => void,
): Paths {
  const { agenda, config, topology } = context;
  const paths = new Map<PeerId, Measured>();
  let known: readonly PeerId[] = [];
  // The smallest MTU of all, or undefined where it has to be looked for again.
  let lowest: number | undefined;
  const full = Math.min(config.underlayMtu - VXLAN_OVERHEAD, config.mtu ?? Number.POSITIVE_INFINITY);
  const sizes = [full, ...SIZES.filter(size => size < full)];

  const plan = ({ probe, ask }: Measured, delay: Millis): void =>
    agenda.plan(probe, context.now() + delay, ask);

  function ask(peer: PeerId): void {
    const path = paths.get(peer);
    const control = topology.host(peer)?.control;
    if (path === undefined || control === undefined) return;
    path.asked += 1;
    const grow = path.mtu !== undefined && path.mtu < full && path.asked % GROW_EVERY === 0;
    const size = grow ? full : (path.trying ?? path.mtu ?? SMALL);
    context.emit({ kind: 'probe', peer, address: control, size });
    if (path.mtu !== undefined) plan(path, isNeighbour(peer) ? NEIGHBOUR_MS : OTHER_MS);
    else plan(path, path.asked < FIRST_TRIES ? FIRST_MS : UNANSWERED_MS);
  }

  function answered(peer: PeerId, path: Measured, size: number, rttMs: number): void {
    path.losses = 0;
    path.rttMs = rttMs;
    path.alive = true;
    if (path.mtu === undefined && path.trying === undefined) {
      path.trying = full;
      agenda.cancel(path.probe);
      plan(path, 0);
    } else if (size === path.trying || (path.mtu !== undefined && size > path.mtu)) {
      path.mtu = size;
      path.trying = undefined;
      lowest = undefined;
      changed(peer);
    }
  }

  function lost(peer: PeerId, path: Measured, size: number): void {
    // A late loss of another size says nothing of the one that is tried now.
    if (size !== (path.trying ?? path.mtu ?? SMALL)) return;
    path.losses += 1;
    if (path.losses < LOSSES) return;
    path.losses = 0;
    path.alive = path.trying !== undefined;
    if (path.trying !== undefined) {
      path.trying = sizes[sizes.indexOf(path.trying) + 1];
    } else if (path.mtu !== undefined) {
      path.mtu = undefined;
      path.rttMs = undefined;
      lowest = undefined;
      path.asked = 0;
      changed(peer);
    } else return;
    plan(path, 0);
  }

  return {
    full,
    refresh() {
      const peers = topology.peers();
      if (peers === known) return;
      known = peers;
      for (const peer of paths.keys()) if (topology.host(peer) === undefined) paths.delete(peer);
      lowest = undefined;
      for (const peer of peers) {
        if (peer === config.self || paths.has(peer)) continue;
        const path = { ...UNMEASURED, probe: `probe ${peer}`, ask: () => ask(peer) };
        paths.set(peer, path);
        plan(path, 0);
      }
    },
    measured(peer, size, alive, rttMs) {
      const path = paths.get(peer);
      if (path === undefined) return false;
      const wasOut = path.losses >= OUTAGE_LOSSES || path.alive === false;
      if (alive) answered(peer, path, size, rttMs);
      else lost(peer, path, size);
      return alive && wasOut;
    },
    get: peer => paths.get(peer),
    mtu() {
      if (lowest === undefined) {
        lowest = full;
        for (const { mtu } of paths.values()) if (mtu !== undefined && mtu < lowest) lowest = mtu;
      }
      return lowest;
    },
  };
}
