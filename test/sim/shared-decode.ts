import { decodeMessage, type Message } from '../../src/core/wire.ts';

const decoded = new WeakMap<Uint8Array, Message>();

/** As `decodeMessage`. What comes to many hosts as the same bytes is read once: messages are never altered. */
export function sharedDecode(bytes: Uint8Array): Message | undefined {
  const known = decoded.get(bytes);
  if (known !== undefined) return known;
  const message = decodeMessage(bytes);
  if (message !== undefined) decoded.set(bytes, message);
  return message;
}
