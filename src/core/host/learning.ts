import type { PeerId } from '../address.ts';
import { REMOVALS } from '../removals/removal.ts';
import type { Change, Entry } from '../replica.ts';
import type { Context } from './context.ts';
import type { Expulsion } from './expulsion.ts';

/** What changed facts mean for the rest of the host. */
export interface LearningListener {
  /** A fact, as it counts. */
  changed(change: Change): void;
  /** Other claims on an address stand now; `key` is that of its endpoints. */
  address(key: string): void;
  /** Other networks may stand now. */
  networks(): void;
  /** Somebody's word on who may give out what, or on who is gone. */
  ring(): void;
}

/** Brings each change of a fact to the views; facts of removed peers don't count in them. */
export class Learning {
  readonly #context: Context;
  readonly #expulsion: Expulsion;
  readonly #listener: LearningListener;

  constructor(context: Context, expulsion: Expulsion, listener: LearningListener) {
    this.#context = context;
    this.#expulsion = expulsion;
    this.#listener = listener;
  }

  learn(change: Change): void {
    const { removals, ring } = this.#context;
    const about = change.domain === REMOVALS ? (change.key as PeerId) : undefined;
    const before = about && removals.limit(about);
    if (removals.update(change) !== undefined) this.#listener.ring();
    // What a removed peer granted is still the receiver's: the ring sees all.
    if (ring.update(change)) this.#listener.ring();
    const { now } = change;
    const counts = now === undefined || removals.counts(now);
    if (!counts) this.#expulsion.note(now);
    this.#update(counts ? change : { ...change, now: undefined });
    if (about !== undefined) this.#recount(about, before ?? 0, removals.limit(about) ?? 0);
  }

  /** Entries up to another number count no longer, or again. */
  #recount(peer: PeerId, before: number, after: number): void {
    const { replica } = this.#context;
    for (const entry of before === after ? [] : replica.ofOwner(peer)) {
      const [did, does] = [entry.seq > before, entry.seq > after];
      if (did !== does) this.#update(changeOf(entry, does));
      if (!does) this.#expulsion.note(entry);
    }
  }

  #update(change: Change): void {
    const { endpoints, names, networks, topology } = this.#context;
    topology.update(change);
    if (networks.update(change)) this.#listener.networks();
    const key = endpoints.update(change);
    names.update(change);
    if (key !== undefined) this.#listener.address(key);
    this.#listener.changed(change);
  }
}

const changeOf = (entry: Entry, counts: boolean): Change => ({
  owner: entry.owner,
  domain: entry.domain,
  key: entry.key,
  now: counts ? entry : undefined,
  previous: counts ? undefined : entry,
});
