import type { PeerId } from '../address.ts';
import { byteLength, equalBytes } from '../bytes.ts';
import { SIZES, signedEntry, signedHead } from './encoding.ts';
import {
  type Change,
  type CryptoFunctions,
  type Delta,
  EMPTY,
  type Entry,
  type Head,
  slotOf,
} from './fact.ts';
import type { Follower } from './follower.ts';
import type { LamportClock } from './lamport-clock.ts';
import type { Registry } from './registry.ts';

/** A wish of the own host: a value, or undefined to delete. */
export interface Write {
  readonly domain: string;
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** How the own set is issued anew. */
export interface Rebase {
  /** As if all of it were said now for the first time. */
  readonly restamp?: boolean;
  /** Own entries that others still had, in the place of what is held here. */
  readonly restored?: readonly Entry[];
}

/** What was written: for the others, and for the views here. */
export interface Written {
  readonly delta: Delta;
  readonly changes: readonly Change[];
}

/** Numbers and signs the facts of the own host. */
export class Author {
  readonly #own: Follower;
  readonly #owner: PeerId;
  readonly #registry: Registry;
  readonly #clock: LamportClock;
  readonly #crypto: CryptoFunctions;

  constructor(own: Follower, registry: Registry, clock: LamportClock, crypto: CryptoFunctions) {
    this.#own = own;
    this.#owner = own.ledger.head.owner;
    this.#registry = registry;
    this.#clock = clock;
    this.#crypto = crypto;
  }

  /** See `Replica.write`. */
  write(writes: readonly Write[]): Written | undefined {
    const wanted = new Map<string, Write>();
    for (const write of writes) {
      check(write);
      wanted.set(slotOf(write.domain, write.key), write);
    }
    for (const [slot, { value }] of wanted) {
      const held = this.#own.visible(slot)?.value;
      const isSame = value === undefined || held === undefined ? value === held : equalBytes(value, held);
      if (isSame) wanted.delete(slot);
    }
    if (wanted.size === 0) return undefined;
    const stamp = this.#clock.tick();
    let seq = this.#own.ledger.head.upto;
    const entries = [...wanted.values()].map(write => {
      seq += 1;
      return this.#sign(seq, stamp, write);
    });
    return this.#issue(entries, seq, stamp, false);
  }

  /** See `Replica.rebase`. */
  rebase(minimum: number, { restamp = false, restored = [] }: Rebase): Written {
    const stamp = this.#clock.tick();
    // A seq that no entry has, so that whoever holds less than the new set is below the floor, and gets all of it.
    let seq = Math.max(minimum, this.#own.ledger.head.upto) + 1;
    const slots = new Set(restored.map(({ domain, key }) => slotOf(domain, key)));
    const kept = this.#own.ledger
      .since(0, false)
      .filter(({ domain, key }) => !slots.has(slotOf(domain, key)));
    const entries = [...kept, ...restored].map(entry => {
      seq += 1;
      return this.#sign(seq, restamp ? stamp : entry.stamp, entry);
    });
    return this.#issue(entries, seq, stamp, true);
  }

  #sign(seq: number, stamp: number, { domain, key, value }: Write): Entry {
    const entry = { owner: this.#owner, seq, stamp, domain, key, value, extra: EMPTY };
    return { ...entry, signature: this.#crypto.sign(signedEntry(entry)) };
  }

  #issue(entries: readonly Entry[], upto: number, stamp: number, snapshot: boolean): Written {
    const { ledger } = this.#own;
    const after = snapshot ? 0 : ledger.head.upto;
    const draft = ledger.draft(entries, snapshot);
    const unsigned = { owner: this.#owner, upto, stamp, liveHash: draft.liveHash, extra: EMPTY };
    const head: Head = { ...unsigned, signature: this.#crypto.sign(signedHead(unsigned)) };
    const objection = ledger.objection(draft, head);
    if (objection !== undefined) throw new RangeError(`own facts refused: ${objection}`);
    const changes = this.#registry.change(this.#own, touch => ledger.commit(draft, head, touch));
    this.#own.newest = head;
    return { delta: { head, after, through: upto, snapshot, entries }, changes };
  }
}

/** What the own host writes is its own affair; that others can read it is not. */
function check({ domain, key, value }: Write): void {
  const isNamed = domain !== '' && !domain.includes('\0') && `${domain}${key}`.isWellFormed();
  const isShort = byteLength(domain) <= SIZES.domain && byteLength(key) <= SIZES.key;
  if (!isNamed || !isShort) throw new RangeError(`not a domain and a key: ${domain}, ${key}`);
  if (value !== undefined && value.length > SIZES.value) {
    throw new RangeError(`${domain}/${key} has ${value.length} bytes; ${SIZES.value} are allowed`);
  }
}
