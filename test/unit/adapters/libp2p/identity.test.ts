import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createVerifier, makeIdentity, openIdentity } from '../../../../src/adapters/libp2p/identity.ts';
import type { PeerId } from '../../../../src/core/address.ts';

function fresh() {
  const key = makeIdentity();
  const opened = openIdentity(key);
  if (!opened.ok) throw new Error(opened.problem.code);
  return { key, identity: opened.value };
}

const message = Buffer.from('a fact');

test('a key gives the same identity each time, another key another one', () => {
  const { key, identity } = fresh();
  expect(openIdentity(key)).toMatchObject({ ok: true, value: { id: identity.id } });
  expect(identity.id).toMatch(/^12D3KooW/);
  expect(fresh().identity.id).not.toBe(identity.id);
});

test('libp2p verifies what we sign, and we verify what libp2p signs', async () => {
  const { identity } = fresh();
  const signature = identity.sign(message);
  expect(signature).toHaveLength(64);
  expect(await identity.privateKey.publicKey.verify(message, signature)).toBe(true);
  expect(createVerifier()(identity.id, message, await identity.privateKey.sign(message))).toBe(true);
});

test('only the owner, only these bytes', () => {
  const [{ identity: one }, { identity: other }] = [fresh(), fresh()];
  const verify = createVerifier();
  const signature = one.sign(message);
  expect(verify(one.id, message, signature)).toBe(true);
  expect(verify(other.id, message, signature)).toBe(false);
  expect(verify(one.id, Buffer.from('another fact'), signature)).toBe(false);
  expect(verify(one.id, message, other.sign(message))).toBe(false);
  expect(verify(one.id, message, signature)).toBe(true);
});

test('the verifier says no to anything malformed, and never throws', () => {
  const { identity } = fresh();
  const verify = createVerifier();
  fc.assert(
    fc.property(fc.string(), fc.uint8Array(), fc.uint8Array({ maxLength: 80 }), (owner, bytes, signature) => {
      expect(verify(owner as PeerId, bytes, signature)).toBe(false);
      expect(verify(identity.id, bytes, signature)).toBe(false);
      expect(verify(identity.id.slice(0, -1) as PeerId, bytes, identity.sign(bytes))).toBe(false);
    }),
  );
  const cid = identity.privateKey.publicKey.toCID().toString() as PeerId;
  expect(verify(cid, message, identity.sign(message))).toBe(false);
});

test('more owners than the verifier remembers are still told apart', () => {
  const { identity } = fresh();
  const verify = createVerifier(2);
  for (const other of [fresh(), fresh(), fresh()]) {
    expect(verify(other.identity.id, message, other.identity.sign(message))).toBe(true);
    expect(verify(identity.id, message, identity.sign(message))).toBe(true);
  }
});

test('what is no Ed25519 key is refused', async () => {
  const { key } = fresh();
  const torn = Buffer.from(key);
  torn[torn.length - 1]! ^= 1;
  const foreign = privateKeyToProtobuf(await generateKeyPair('secp256k1'));
  for (const bytes of [new Uint8Array(0), key.subarray(1), key.subarray(0, -1), torn, foreign]) {
    expect(openIdentity(bytes)).toMatchObject({ ok: false, problem: { code: 'state-damaged' } });
  }
});
