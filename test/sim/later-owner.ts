import type { PeerId } from '../../src/core/address.ts';
import type { Random } from '../../src/core/host/random.ts';
import { signedEntry, signedHead } from '../../src/core/replica/encoding.ts';
import { DEFAULT_LIMITS, type Delta, type Entry, type Head } from '../../src/core/replica/fact.ts';
import { Ledger } from '../../src/core/replica/ledger.ts';
import { fakeCrypto } from './fake-crypto.ts';

const KEYS = 5;

/**
 * An owner of a later version, of whom only the facts come here, handed on by others: of a domain that nobody here
 * knows, with fields that nobody here knows. All of it must be kept and passed on as it is.
 */
export class LaterOwner {
  readonly peer = `12D3KooW${'9'.repeat(44)}` as PeerId;
  readonly #crypto = fakeCrypto(this.peer);
  readonly #ledger = new Ledger(this.peer, this.#crypto, DEFAULT_LIMITS);
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get head(): Head {
    return this.#ledger.head;
  }

  write(): Delta {
    const { head } = this.#ledger;
    const key = `service-${Math.floor(this.#random.fraction() * KEYS)}`;
    const value = this.#random.fraction() < 0.3 ? undefined : this.#bytes(40);
    const fields = { owner: this.peer, seq: head.upto + 1, stamp: head.stamp + 1, domain: 'services', key };
    const entry = { ...fields, value, extra: this.#bytes(12) };
    const signed: Entry = { ...entry, signature: this.#crypto.sign(signedEntry(entry)) };
    const draft = this.#ledger.draft([signed], false);
    const next = { owner: this.peer, upto: signed.seq, stamp: signed.stamp, liveHash: draft.liveHash };
    const unsigned = { ...next, extra: this.#bytes(9) };
    const newHead: Head = { ...unsigned, signature: this.#crypto.sign(signedHead(unsigned)) };
    this.#ledger.commit(draft, newHead, () => {});
    return { head: newHead, after: head.upto, through: newHead.upto, snapshot: false, entries: [signed] };
  }

  /** All of it, for whoever has lost some. */
  whole(): Delta {
    const { head } = this.#ledger;
    return { head, after: 0, through: head.upto, snapshot: true, entries: this.#ledger.since(0, false) };
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.#random.fraction() * 256));
  }
}
