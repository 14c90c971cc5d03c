import type { PeerId } from '../address.ts';
import { isText, isWithin, toBytes, toObject } from '../json.ts';

/** The domain of peers that are gone for good. The key of an entry is the id of the peer that it is about. */
export const REMOVALS = 'removals';

/**
 * The one thing that a peer may say of another: what that one has written up to `upto` no longer counts. An operator says
 * it on one host; every other says it after that, with the last that it knows of the peer, so that nothing which anybody
 * has heard of it is overlooked. What the peer writes later counts again.
 */
export interface Removal {
  readonly peer: PeerId;
  readonly upto: number;
  /** What addresses the speaker gives out, if any: it could take over what the peer had of them. */
  readonly universe: string | undefined;
  /** Who the speaker thinks is to take that over, as far as it has heard. */
  readonly heir: PeerId | undefined;
}

export const encodeRemoval = ({ upto, universe, heir }: Removal): Uint8Array =>
  toBytes({ upto, universe, heir });

export function decodeRemoval(key: string, bytes: Uint8Array): Removal | undefined {
  const { upto, universe, heir } = toObject(bytes) ?? {};
  if (key === '' || !isWithin(upto, 0, Number.MAX_SAFE_INTEGER)) return undefined;
  return {
    peer: key as PeerId,
    upto,
    universe: isText(universe, 18) ? universe : undefined,
    heir: isText(heir, 128) && heir !== '' ? (heir as PeerId) : undefined,
  };
}
