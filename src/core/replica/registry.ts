import type { PeerId } from '../address.ts';
import { signedHead } from './encoding.ts';
import { type Change, type CryptoFunctions, type Entry, isSameEntry } from './fact.ts';
import type { Follower } from './follower.ts';
import type { Touch } from './ledger.ts';

/** All owners of whom something is known, and one number that stands for what is held of them. */
export class Registry {
  readonly #crypto: CryptoFunctions;
  readonly #followers = new Map<PeerId, Follower>();
  /** What each owner has put into the fingerprint. */
  readonly #counted = new Map<Follower, { readonly high: number; readonly low: number }>();
  #high = 0;
  #low = 0;

  constructor(crypto: CryptoFunctions) {
    this.#crypto = crypto;
  }

  get size(): number {
    return this.#followers.size;
  }

  /** In the order of first seen. */
  all(): Iterable<Follower> {
    return this.#followers.values();
  }

  get(owner: PeerId): Follower | undefined {
    return this.#followers.get(owner);
  }

  add(follower: Follower): void {
    this.#followers.set(follower.ledger.head.owner, follower);
  }

  /** 53 bits over all heads; only what changes is hashed. */
  get fingerprint(): number {
    return this.#high * 2 ** 32 + (this.#low >>> 0);
  }

  /** Runs `action`, and tells what became different for those who read. */
  change(follower: Follower, action: (touch: Touch) => void): readonly Change[] {
    const { head } = follower.ledger;
    const before = new Map<string, Entry | undefined>();
    action(slot => {
      if (!before.has(slot)) before.set(slot, follower.visible(slot));
    });
    if (follower.ledger.head !== head) {
      this.#count(follower);
    }
    const changes: Change[] = [];
    for (const [slot, previous] of before) {
      const now = follower.visible(slot);
      const any = now ?? previous;
      if (any === undefined || (now && previous && isSameEntry(now, previous))) continue;
      changes.push({ owner: any.owner, domain: any.domain, key: any.key, now, previous });
    }
    return changes;
  }

  /**
   * Brings a head into the fingerprint, and the one before it out: XOR does both. Nobody gains by finding a collision.
   */
  #count(follower: Follower): void {
    const hash = this.#crypto.hash(signedHead(follower.ledger.head));
    const high = ((hash[0]! << 16) | (hash[1]! << 8) | hash[2]!) & 0x1f_ff_ff;
    const low = (hash[3]! << 24) | (hash[4]! << 16) | (hash[5]! << 8) | hash[6]!;
    const counted = this.#counted.get(follower);
    this.#high ^= high ^ (counted?.high ?? 0);
    this.#low ^= low ^ (counted?.low ?? 0);
    this.#counted.set(follower, { high, low });
  }
}
