import type { PeerId } from '../address.ts';
import type { Context } from './context.ts';
import { DOWN_MS, type Neighbours } from './neighbours.ts';
import type { Paths } from './paths.ts';
import type { Millis } from './step.ts';

const LOOK_MS = 1_000;

/**
 * Whose names are shown: not those of hosts of which neither the router nor the kernel gives a sign of life. A router
 * that is down is no reason, since its containers answer; and who comes back is shown only when it has told what it has
 * now, so that nothing returns that ended meanwhile.
 */
export class Vigil {
  readonly #context: Context;
  readonly #neighbours: Neighbours;
  readonly #paths: Paths;
  /** Since when there is no sign of life. */
  readonly #quiet = new Map<PeerId, Millis>();
  readonly #silent = new Set<PeerId>();
  /** Neighbours that have told all since they came up. */
  readonly #told = new Set<PeerId>();

  constructor(context: Context, neighbours: Neighbours, paths: Paths) {
    this.#context = context;
    this.#neighbours = neighbours;
    this.#paths = paths;
  }

  start(): void {
    const { agenda, now } = this.#context;
    agenda.plan('vigil', now() + LOOK_MS, () => {
      this.#look();
      this.start();
    });
  }

  up(peer: PeerId): void {
    this.#told.delete(peer);
  }

  synced(peer: PeerId): void {
    this.#told.add(peer);
    if (this.#silent.has(peer)) this.#look();
  }

  #look(): void {
    const { config, names, now } = this.#context;
    for (const peer of [...names.owners()]) {
      if (peer === config.self) continue;
      const isHeard = this.#isHeard(peer);
      if (this.#silent.has(peer)) {
        if (isHeard && this.#hasTold(peer)) this.#show(peer, true);
      } else if (isHeard || this.#paths.alive(peer)) {
        this.#quiet.delete(peer);
        if (!isHeard) this.#paths.urge(peer);
      } else {
        const since = this.#quiet.get(peer) ?? now();
        this.#quiet.set(peer, since);
        const silence = this.#neighbours.unheard(peer) ?? now() - since;
        if (silence >= DOWN_MS) this.#show(peer, false);
      }
    }
  }

  #show(peer: PeerId, isShown: boolean): void {
    if (isShown) this.#silent.delete(peer);
    else this.#silent.add(peer);
    this.#quiet.delete(peer);
    this.#context.names.hush(peer, !isShown);
  }

  /** Directly, or by those who hear it. */
  #isHeard(peer: PeerId): boolean {
    const neighbour = this.#neighbours.get(peer);
    if (neighbour !== undefined) return this.#neighbours.silent(neighbour) !== 'down';
    const { config, topology } = this.#context;
    return topology.reachable(config.self).has(peer);
  }

  #hasTold(peer: PeerId): boolean {
    return this.#neighbours.get(peer) === undefined || this.#told.has(peer);
  }
}
