import type { PeerId } from '../address.ts';
import { isWithin, toBytes, toObject } from '../json.ts';

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
}

export const encodeRemoval = ({ upto }: Removal): Uint8Array => toBytes({ upto });

export function decodeRemoval(key: string, bytes: Uint8Array): Removal | undefined {
  const { upto } = toObject(bytes) ?? {};
  return key !== '' && isWithin(upto, 0, Number.MAX_SAFE_INTEGER) ? { peer: key as PeerId, upto } : undefined;
}
