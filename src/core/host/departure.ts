import type { PeerId } from '../address.ts';
import { CUSTODY_KEY, IPAM } from '../ipam/custody.ts';
import type { Addressing } from './addressing.ts';
import type { Attachments } from './attachments.ts';
import type { Context } from './context.ts';
import type { Presence } from './presence.ts';
import type { Detached, Millis } from './step.ts';

/** So long a host that leaves waits for somebody to take its space. */
const HANDOVER_MS = 3_000;

/** Leaves the mesh for good: says nothing more, detaches everything, and gives its space to one who stays. */
export class Departure {
  readonly #context: Context;
  readonly #addressing: Addressing | undefined;
  readonly #attachments: Attachments;
  readonly #presence: Presence;
  #waiting: { readonly heir: PeerId; readonly until: Millis; readonly done: () => void } | undefined;

  constructor(
    context: Context,
    addressing: Addressing | undefined,
    attachments: Attachments,
    presence: Presence,
  ) {
    this.#context = context;
    this.#addressing = addressing;
    this.#attachments = attachments;
    this.#presence = presence;
  }

  leave(done: (detached: readonly Detached[]) => void): void {
    const { agenda, config, now, replica, write } = this.#context;
    this.#presence.withdraw();
    const own = replica.ofOwner(config.self);
    const gone = own.filter(({ domain, key }) => domain !== IPAM || key !== CUSTODY_KEY);
    write(gone.map(({ domain, key }) => ({ domain, key, value: undefined })));
    const detached = this.#attachments.leave();
    const heir = this.#heir();
    if (heir === undefined) return done(detached);
    this.#addressing?.custodian.bequeath(heir);
    const until = now() + HANDOVER_MS;
    this.#waiting = { heir, until, done: () => done(detached) };
    agenda.plan('departure', until, () => this.review());
    this.review();
  }

  /** Somebody may have taken the space. Where nobody does in time, it stays in this host's name, for "rmpeer" to find. */
  review(): void {
    const { config, now, ring, write } = this.#context;
    if (this.#waiting === undefined) return;
    const { heir, until, done } = this.#waiting;
    const isTaken = !ring.offersTo(heir).some(({ from }) => from === config.self);
    if (!isTaken && now() < until) return;
    this.#waiting = undefined;
    if (isTaken) write([{ domain: IPAM, key: CUSTODY_KEY, value: undefined }]);
    done();
  }

  /** One with the same division that can be reached; undefined where there is nothing to give, or nobody to take it. */
  #heir(): PeerId | undefined {
    const { ring } = this.#context;
    const own = this.#addressing?.custodian.own;
    if (own === undefined || own.ranges.length === 0) return undefined;
    const strangers = this.#addressing?.custodian.strangers().map(({ peer }) => peer) ?? [];
    return ring.peers().find(peer => !strangers.includes(peer) && this.#addressing?.reaches(peer));
  }
}
