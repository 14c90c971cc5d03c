import { createPrivateKey, createPublicKey, diffieHellman, hkdfSync } from 'node:crypto';
import type { TunnelKeys } from '../ports/tunnel-keys.ts';

/** What stands before the 32 bytes of a key in DER (RFC 8410): PKCS #8 for private ones, SPKI for public ones. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const LENGTH = 32;

/**
 * A host has one key for its tunnels as long as it has one identity, so that they outlive its router. The public half is
 * a fact, signed by the identity and told inside of Noise sessions only. `seed`: the secret of the identity.
 */
export function tunnelKeys(seed: Uint8Array, password: string): TunnelKeys {
  const privateKey = derive(seed, 'mesh/1 tunnel');
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, privateKey]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-LENGTH);
  // One password typed on two keyboards must be one password: accents may be composed or not.
  const secret = Buffer.from(password.normalize('NFKC'));
  return {
    privateKey,
    publicKey,
    sharedWith(other) {
      const both = [publicKey, Buffer.from(other)].sort(Buffer.compare);
      try {
        const theirs = createPublicKey({
          key: Buffer.concat([SPKI_PREFIX, other]),
          format: 'der',
          type: 'spki',
        });
        const agreed = diffieHellman({ privateKey: key, publicKey: theirs });
        return derive(Buffer.concat([agreed, secret]), 'mesh/1 shared', Buffer.concat(both));
      } catch {
        return undefined;
      }
    },
  };
}

function derive(secret: Uint8Array, info: string, salt: Uint8Array = new Uint8Array(0)): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, LENGTH));
}
