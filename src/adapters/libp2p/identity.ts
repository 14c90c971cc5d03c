import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { privateKeyFromProtobuf, privateKeyFromRaw, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import type { PeerId } from '../../core/address.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';

/** Who this router is: an Ed25519 key; the peer id is its public half. */
export interface Identity {
  readonly id: PeerId;
  readonly privateKey: Ed25519PrivateKey;
  /** An Ed25519 signature of `bytes`, 64 bytes (RFC 8032). */
  sign(bytes: Uint8Array): Uint8Array;
}

export type Verifier = (owner: PeerId, bytes: Uint8Array, signature: Uint8Array) => boolean;

/** What stands before the 32 bytes of a key in DER (RFC 8410): PKCS #8 for private ones, SPKI for public ones. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const KEY_LENGTH = 32;

/** More owners than this in one mesh cost time, not memory. */
const CACHED_KEYS = 4096;

/** A new key, as libp2p's protobuf; whoever has these bytes is this router. */
export function makeIdentity(): Uint8Array {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-KEY_LENGTH);
  const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_LENGTH);
  return privateKeyToProtobuf(privateKeyFromRaw(Buffer.concat([seed, point])));
}

/** Reads what `makeIdentity` made. Refuses with `state-damaged`; where the bytes come from, only the caller knows. */
export function openIdentity(bytes: Uint8Array): Result<Identity> {
  try {
    const privateKey = privateKeyFromProtobuf(bytes);
    if (privateKey.type !== 'Ed25519') {
      return damaged(`it is of type ${privateKey.type}, not Ed25519`);
    }
    const seed = privateKey.raw.subarray(0, KEY_LENGTH);
    const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
    const point = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-KEY_LENGTH);
    if (!point.equals(privateKey.publicKey.raw)) {
      return damaged('its two halves do not belong together');
    }
    const id = peerIdFromPrivateKey(privateKey).toString() as PeerId;
    return ok({ id, privateKey, sign: message => sign(null, message, key) });
  } catch (error) {
    return damaged(error instanceof Error ? error.message : String(error));
  }
}

const damaged = (why: string): Result<never> =>
  refuse({ code: 'state-damaged', path: 'the identity key', why });

/** Tells whether `signature` over `bytes` is `owner`'s; false for anything malformed. Never throws. */
export function createVerifier(cachedKeys = CACHED_KEYS): Verifier {
  const keys = new Map<PeerId, KeyObject>();

  function keyOf(owner: PeerId): KeyObject | undefined {
    const known = keys.get(owner);
    if (known !== undefined) return known;
    const key = publicKeyOf(owner);
    if (key === undefined) return undefined;
    const oldest = keys.size < cachedKeys ? undefined : keys.keys().next().value;
    if (oldest !== undefined) keys.delete(oldest);
    keys.set(owner, key);
    return key;
  }

  return (owner, bytes, signature) => {
    const key = keyOf(owner);
    try {
      return key !== undefined && verify(null, bytes, key, signature);
    } catch {
      return false;
    }
  };
}

/** The key that a peer id holds. One key has one spelling here: other encodings of the same id are refused. */
function publicKeyOf(owner: PeerId): KeyObject | undefined {
  try {
    const id = peerIdFromString(owner);
    if (id.type !== 'Ed25519' || id.toString() !== owner) return undefined;
    return createPublicKey({
      key: Buffer.concat([SPKI_PREFIX, id.publicKey.raw]),
      format: 'der',
      type: 'spki',
    });
  } catch {
    return undefined;
  }
}
