import type { PeerId } from '../../src/core/address.ts';
import { equalBytes } from '../../src/core/bytes.ts';
import type { CryptoFunctions } from '../../src/core/replica.ts';

const HASH_BYTES = 32;
/** As long as Ed25519's, so that messages have their real size. */
const SIGNATURE_BYTES = 64;

/** 64 bits of state over `bytes` (the mixing of MurmurHash3), spread over as many bytes as are asked for. */
function digest(bytes: Uint8Array, seed: number, length: number): Uint8Array {
  let low = seed | 0;
  let high = Math.imul(seed ^ bytes.length, 0x9e3779b1);
  const whole = bytes.length & ~3;
  for (let index = 0; index < whole; index += 4) {
    const word =
      bytes[index]! | (bytes[index + 1]! << 8) | (bytes[index + 2]! << 16) | (bytes[index + 3]! << 24);
    low = Math.imul(low ^ word, 0xcc9e2d51);
    low ^= low >>> 15;
    high = Math.imul(((high << 13) | (high >>> 19)) + word, 0x85ebca6b) ^ low;
  }
  for (let index = whole; index < bytes.length; index++) {
    low = Math.imul(low ^ bytes[index]!, 0x1b873593);
    high = Math.imul(((high << 7) | (high >>> 25)) + low, 0xc2b2ae35);
  }
  const result = new Uint8Array(length);
  for (let index = 0; index < length; index += 4) {
    low = Math.imul(low ^ (high >>> 16), 0x85ebca6b) + index;
    high = Math.imul(high ^ (low >>> 13), 0xc2b2ae35);
    const word = low ^ high;
    result[index] = word;
    result[index + 1] = word >>> 8;
    result[index + 2] = word >>> 16;
    result[index + 3] = word >>> 24;
  }
  return result;
}

/** Hashes that were made lately, by their first bits. */
const SHARED = 1 << 16;
const shared: Uint8Array[] = [];

/** The same array for the same hash, where that was made lately: many hosts keep the hashes of the same facts. */
function share(hash: Uint8Array): Uint8Array {
  const slot = (hash[0]! | (hash[1]! << 8) | (hash[2]! << 16)) & (SHARED - 1);
  const known = shared[slot];
  if (known !== undefined && equalBytes(known, hash)) return known;
  shared[slot] = hash;
  return hash;
}

const encoder = new TextEncoder();
const keys = new Map<PeerId, number>();

function keyOf(owner: PeerId): number {
  const known = keys.get(owner);
  if (known !== undefined) return known;
  const bytes = digest(encoder.encode(owner), 0x6d657368, 4);
  const key = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24);
  keys.set(owner, key);
  return key;
}

/**
 * Fast stand-ins, not cryptography: a hash that nobody here tries to break, and signatures that only say who made
 * them. Nobody forges in a simulation; what becomes of forgeries, tests of the replica show.
 */
export function fakeCrypto(self: PeerId): CryptoFunctions {
  const own = keyOf(self);
  return {
    hash: bytes => share(digest(bytes, 0x68617368, HASH_BYTES)),
    sign: bytes => digest(bytes, own, SIGNATURE_BYTES),
    verify(owner, bytes, signature) {
      const expected = digest(bytes, keyOf(owner), SIGNATURE_BYTES);
      if (signature.length !== SIGNATURE_BYTES) return false;
      for (let index = 0; index < 8; index++) if (expected[index] !== signature[index]) return false;
      return true;
    },
  };
}

/** One number that stands for `bytes`. */
export function contentKey(bytes: Uint8Array): number {
  const hash = digest(bytes, 1, 8);
  const low = hash[0]! | (hash[1]! << 8) | (hash[2]! << 16) | ((hash[3]! & 0x1f) << 24);
  return low * 2 ** 24 + (hash[4]! | (hash[5]! << 8) | (hash[6]! << 16));
}
