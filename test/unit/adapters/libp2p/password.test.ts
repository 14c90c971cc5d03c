import { preSharedKey } from '@libp2p/pnet';
import { expect, test } from 'vitest';
import { keyFromPassword } from '../../../../src/adapters/libp2p/password.ts';

const textOf = async (password: string): Promise<string> =>
  new TextDecoder().decode(await keyFromPassword(password));

test('a password gives a key file that libp2p takes, the same on every host and in every version', async () => {
  expect(await textOf('correct horse')).toBe(
    '/key/swarm/psk/1.0.0/\n/base16/\n4d0f1e72f0c6d0067e44f9ba0f059f0ffcccaf5c9bc16bd06e7371e4806d5512',
  );
  expect(() => preSharedKey({ psk: Buffer.from('x') })()).toThrow();
  expect(preSharedKey({ psk: await keyFromPassword('correct horse') })()).toBeDefined();
});

test('another password, another key; accents typed in another way, the same', async () => {
  expect(await textOf('a')).not.toBe(await textOf('b'));
  expect(await textOf('')).not.toBe(await textOf(' '));
  expect(await textOf('caf\u00e9')).toBe(await textOf('cafe\u0301'));
});
