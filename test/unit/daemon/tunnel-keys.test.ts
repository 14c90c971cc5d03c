import { describe, expect, it } from 'vitest';
import { tunnelKeys } from '../../../src/daemon/tunnel-keys.ts';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

describe('the keys of tunnels', () => {
  it('are the same whenever they are made of one identity', () => {
    expect(tunnelKeys(seed(1), 'a').publicKey).toEqual(tunnelKeys(seed(1), 'b').publicKey);
    expect(tunnelKeys(seed(1), 'a').publicKey).not.toEqual(tunnelKeys(seed(2), 'a').publicKey);
    expect(tunnelKeys(seed(1), 'a').privateKey).not.toEqual(seed(1));
  });

  it('lead both ends to one secret, which nobody else comes to', () => {
    const [a, b, c] = [1, 2, 3].map(byte => tunnelKeys(seed(byte), 'secret'));
    const shared = a!.sharedWith(b!.publicKey);
    expect(shared).toHaveLength(32);
    expect(b!.sharedWith(a!.publicKey)).toEqual(shared);
    expect(c!.sharedWith(a!.publicKey)).not.toEqual(shared);
    expect(tunnelKeys(seed(2), 'other').sharedWith(a!.publicKey)).not.toEqual(shared);
  });

  it('of a password with an accent are the same, however it was typed', () => {
    const { publicKey } = tunnelKeys(seed(2), '');
    expect(tunnelKeys(seed(1), '\u00e9').sharedWith(publicKey)).toEqual(
      tunnelKeys(seed(1), 'e\u0301').sharedWith(publicKey),
    );
  });

  it('are refused where they are none', () => {
    expect(tunnelKeys(seed(1), 'a').sharedWith(seed(0))).toBeUndefined();
    expect(tunnelKeys(seed(1), 'a').sharedWith(new Uint8Array(3))).toBeUndefined();
  });
});
