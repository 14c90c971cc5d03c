import { type Mac, macFromBytes, type PeerId } from '../address.ts';
import type { Context } from './context.ts';

/** The name that people know a peer by before it has said another: six bytes of the hash of its id, as a MAC. */
export function defaultName(context: Context, peer: PeerId): Mac {
  return macFromBytes(context.config.crypto.hash(new TextEncoder().encode(peer)));
}
