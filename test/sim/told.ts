import type { PeerId } from '../../src/core/address.ts';
import { equalBytes } from '../../src/core/bytes.ts';
import type { Head } from '../../src/core/replica.ts';

const isSame = (a: Head, b: Head): boolean => a.stamp === b.stamp && equalBytes(a.liveHash, b.liveHash);

/** All heads that owners ever told: what any replica holds must be one of them. */
export class ToldHeads {
  readonly #heads = new Map<PeerId, Map<number, Head[]>>();
  readonly #highest = new Map<PeerId, number>();

  /** False where another state was told with the same number before. */
  add(head: Head): boolean {
    const ofOwner = this.#heads.get(head.owner) ?? new Map<number, Head[]>();
    this.#heads.set(head.owner, ofOwner);
    this.#highest.set(head.owner, Math.max(this.highest(head.owner), head.upto));
    const known = ofOwner.get(head.upto);
    if (known === undefined) ofOwner.set(head.upto, [head]);
    else if (!known.some(other => isSame(other, head))) return known.push(head) < 2;
    return true;
  }

  /** The highest number that `owner` ever told. */
  highest(owner: PeerId): number {
    return this.#highest.get(owner) ?? 0;
  }

  has(head: Head): boolean {
    return (
      this.#heads
        .get(head.owner)
        ?.get(head.upto)
        ?.some(other => isSame(other, head)) ?? false
    );
  }
}
