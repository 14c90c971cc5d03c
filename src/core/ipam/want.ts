import type { PeerId } from '../address.ts';
import { isWithin, toBytes, toObject } from '../json.ts';
import type { Range } from '../range.ts';
import { decodePeer } from './custody.ts';

/** One entry a peer under this key, while it looks for space. */
export const WANT_KEY = 'want';

/** A request for space, told as a fact: so it needs no route to the peer that is asked, and is lost with no message. */
export interface Want extends Range {
  /** Who is asked to give some of what it has between `start` and `end`; all of it where that is one address. */
  readonly of: PeerId;
}

const ADDRESSES = 2 ** 32;

export const encodeWant = ({ of, start, end }: Want): Uint8Array => toBytes({ of, start, end });

export function decodeWant(bytes: Uint8Array): Want | undefined {
  const { of, start, end } = toObject(bytes) ?? {};
  const peer = decodePeer(of);
  if (peer === undefined || !isWithin(start, 0, ADDRESSES - 1) || !isWithin(end, start + 1, ADDRESSES))
    return undefined;
  return { of: peer, start, end };
}
