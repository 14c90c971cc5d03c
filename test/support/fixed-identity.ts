import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { privateKeyFromRaw, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { createVerifier, type Identity, openIdentity } from '../../src/adapters/libp2p/identity.ts';
import type { CryptoFunctions } from '../../src/core/replica/fact.ts';
import { hash } from '../../src/daemon/identity.ts';

/** PKCS #8 of an Ed25519 key, but for its 32 bytes (RFC 8410). */
const PKCS8_PREFIX = '302e020100300506032b657004220420';

/** An identity key made from a word: the same in every run. For nothing but tests. */
export function fixedKey(word: string): Uint8Array {
  const seed = createHash('sha256').update(`a key for tests: ${word}`).digest();
  const der = Buffer.concat([Buffer.from(PKCS8_PREFIX, 'hex'), seed]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  const point = key.export({ format: 'der', type: 'spki' }).subarray(-32);
  return privateKeyToProtobuf(privateKeyFromRaw(Buffer.concat([seed, point])));
}

export function identityOf(key: Uint8Array): Identity {
  const opened = openIdentity(key);
  if (!opened.ok) throw new Error('this is no identity key');
  return opened.value;
}

/** Signs as `identity`, and verifies as a router does. */
export function realCrypto(identity: Identity): CryptoFunctions {
  return { hash, sign: identity.sign, verify: createVerifier() };
}
