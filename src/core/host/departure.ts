import type { PeerId } from '../address.ts';
import { IPAM } from '../ipam/custody.ts';
import { REMOVALS } from '../removals/removal.ts';
import type { Addressing } from './addressing.ts';
import type { Attachments } from './attachments.ts';
import type { Context } from './context.ts';
import { lastWord } from './durability.ts';
import type { Expulsion } from './expulsion.ts';
import type { Presence } from './presence.ts';
import type { Detached, Millis } from './step.ts';

/** So long a host that leaves waits for somebody to take its space. */
const HANDOVER_MS = 3_000;

/**
 * Leaves the mesh for good: detaches everything, gives its space to one who stays, and says as its last word that it is gone.
 * Whatever of its space nobody has taken by then comes to its heir, as with any peer that was removed.
 */
export class Departure {
  readonly #context: Context;
  readonly #addressing: Addressing | undefined;
  readonly #attachments: Attachments;
  readonly #presence: Presence;
  readonly #expulsion: Expulsion;
  #waiting: { readonly until: Millis; readonly done: () => void } | undefined;

  constructor(
    context: Context,
    addressing: Addressing | undefined,
    attachments: Attachments,
    presence: Presence,
    expulsion: Expulsion,
  ) {
    this.#expulsion = expulsion;
    this.#context = context;
    this.#addressing = addressing;
    this.#attachments = attachments;
    this.#presence = presence;
  }

  leave(done: (detached: readonly Detached[]) => void): void {
    const { agenda, config, now, replica, write } = this.#context;
    // Whom it can reach, its own facts tell: they go after that.
    const heir = this.#heir();
    this.#presence.withdraw();
    this.#addressing?.close();
    // The interfaces go first: what is told to be free must not be in use.
    const detached = this.#attachments.leave();
    const own = replica.ofOwner(config.self);
    // A vote and a grant are promises that others count on; and who is gone stays gone, whoever said so.
    const gone = own.filter(({ domain }) => domain !== IPAM && domain !== REMOVALS);
    write(gone.map(({ domain, key }) => ({ domain, key, value: undefined })));
    if (this.#addressing === undefined) return done(detached);
    this.#addressing.releaseAll();
    if (heir !== undefined) this.#addressing.custodian.bequeath(heir);
    const until = now() + HANDOVER_MS;
    this.#waiting = { until, done: () => done(detached) };
    agenda.plan('departure', until, () => this.review());
    this.review();
  }

  /**
   * Whom this host has never told of the others may not know them, either: each that hears of its end would take itself for
   * its heir.
   */
  refuses(peer: PeerId): boolean {
    const { emit, topology } = this.#context;
    if (topology.host(peer) !== undefined) return false;
    emit({ kind: 'hang-up', peer, reason: 'leaving the mesh', refuseMs: 0 });
    return true;
  }

  /** Somebody may have taken the space. */
  review(): void {
    const { config, emit, now, ring } = this.#context;
    if (this.#waiting === undefined) return;
    const { until, done } = this.#waiting;
    const own = ring.custody(config.self);
    const isOpen = own?.grants.some(grant => ring.isOpen(config.self, grant)) ?? false;
    if (isOpen && now() < until) return;
    this.#waiting = undefined;
    this.#expulsion.remove(config.self);
    emit({ kind: 'persist', records: lastWord() });
    done();
  }

  /** One with the same division that can be reached; undefined where there is nothing to give, or nobody to take it. */
  #heir(): PeerId | undefined {
    const { removals, ring } = this.#context;
    const own = this.#addressing?.custodian.own;
    if (own === undefined || own.ranges.length === 0) return undefined;
    const strangers = this.#addressing?.custodian.strangers().map(({ peer }) => peer) ?? [];
    return ring
      .peers()
      .filter(peer => removals.limit(peer) === undefined && !strangers.includes(peer))
      .find(peer => this.#addressing?.reaches(peer));
  }
}
