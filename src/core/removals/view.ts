import { compare, type PeerId } from '../address.ts';
import type { Change, Entry } from '../replica.ts';
import { decodeRemoval, REMOVALS } from './removal.ts';

/** Who was removed, in whose words. */
export interface RemovalsView {
  /** Takes in one change; gives the peer that it was about, if any. */
  update(change: Change): PeerId | undefined;
  /** Entries of `peer` up to this no longer count; undefined where it was not removed. */
  limit(peer: PeerId): number | undefined;
  counts(entry: Entry): boolean;
  /** Who has said it, of `peer`. */
  witnesses(peer: PeerId): ReadonlySet<PeerId>;
  /** All that were removed, sorted. */
  peers(): readonly PeerId[];
}

export function createRemovalsView(): RemovalsView {
  /** By removed peer, then by who says it. */
  const words = new Map<PeerId, Map<PeerId, number>>();
  /** What they come to: asked for with every fact that is learnt. */
  const limits = new Map<PeerId, number>();
  const limit = (peer: PeerId): number | undefined => limits.get(peer);

  return {
    limit,
    update({ owner, domain, key, now }) {
      if (domain !== REMOVALS) return undefined;
      const peer = key as PeerId;
      const removal = now?.value && decodeRemoval(key, now.value);
      const said = words.get(peer) ?? new Map<PeerId, number>();
      if (removal === undefined) said.delete(owner);
      else said.set(owner, removal.upto);
      words.set(peer, said);
      limits.set(peer, Math.max(...said.values()));
      if (said.size === 0) {
        words.delete(peer);
        limits.delete(peer);
      }
      return peer;
    },
    counts: ({ owner, seq }) => seq > (limit(owner) ?? 0),
    witnesses: peer => new Set(words.get(peer)?.keys() ?? []),
    peers: () => [...words.keys()].sort(compare),
  };
}
