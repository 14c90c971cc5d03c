import fc from 'fast-check';
import { createVerifier, openIdentity } from '../../../src/adapters/libp2p/identity.ts';
import type { PeerId } from '../../../src/core/address.ts';
import { insist, type Target } from '../target.ts';

/** A key of nobody, as `makeIdentity` makes them. */
const KEY =
  '080112403a96f41633b29bb0e35a6d240d9c04f63845c2dbc88c7cd71b440931061f63' +
  '450a34719afecfaa91ca52c6c069ccc87294bda1eaffbbb024622d480e6bda4484';

const message = new TextEncoder().encode('signed');

export const identity: Target = {
  what: 'identity keys, peer ids and signatures',
  structured: fc.constant(new Uint8Array(Buffer.from(KEY, 'hex'))),
  read(bytes) {
    const opened = openIdentity(bytes);
    const text = Buffer.from(bytes).toString();
    const verify = createVerifier();
    insist(!verify(text as PeerId, message, bytes.subarray(0, 64)), 'no signature of a stranger passes');
    if (!opened.ok) return;
    const signature = opened.value.sign(message);
    insist(verify(opened.value.id, message, signature), 'a key that is taken can sign');
    signature[bytes.length % 64]! ^= 1;
    insist(!verify(opened.value.id, message, signature), 'one wrong bit is one too many');
  },
};
