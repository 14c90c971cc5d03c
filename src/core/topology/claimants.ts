import { compare, type PeerId } from '../address.ts';

interface Claimant {
  readonly peer: PeerId;
  readonly stamp: number;
}

/** Who takes what for its own. Of several that take the same, the lower (stamp, peer) has it. */
export class Claimants<Key extends string> {
  readonly #all = new Map<Key, readonly Claimant[]>();

  add(key: Key, peer: PeerId, stamp: number): void {
    const all = [...(this.#all.get(key) ?? []), { peer, stamp }];
    this.#all.set(
      key,
      all.sort((a, b) => a.stamp - b.stamp || compare(a.peer, b.peer)),
    );
  }

  remove(key: Key, peer: PeerId): void {
    const others = (this.#all.get(key) ?? []).filter(claimant => claimant.peer !== peer);
    if (others.length === 0) this.#all.delete(key);
    else this.#all.set(key, others);
  }

  first(key: Key): PeerId | undefined {
    return this.#all.get(key)?.[0]?.peer;
  }
}
