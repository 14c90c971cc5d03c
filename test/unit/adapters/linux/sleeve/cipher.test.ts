import { createDecipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Opener, Sealer } from '../../../../../src/adapters/linux/sleeve/cipher.ts';
import { ReplayWindow } from '../../../../../src/adapters/linux/sleeve/replay.ts';
import { BOUND_AT, HEADER, TAG, writeHeading } from '../../../../../src/adapters/linux/sleeve/wire.ts';

const KEY = Buffer.alloc(32, 7);
const HEADING = { payload: 1_000, count: 1, sender: 0xf0000001, session: 9, number: 3 };

function sealed(text: string): { readonly header: Buffer; readonly sealed: Buffer } {
  const header = Buffer.alloc(HEADER);
  writeHeading(header, 0, HEADING);
  const into = Buffer.alloc(200);
  const size = new Sealer(KEY).seal(Buffer.from(text), text.length, header, 0, into);
  return { header, sealed: into.subarray(0, size) };
}

describe('what is sealed', () => {
  it('is opened by who has the key, and by any other AES-256-GCM', () => {
    const { header, sealed: bytes } = sealed('a frame');
    const into = Buffer.alloc(200);
    expect(new Opener(KEY).open(bytes, header, 0, into)).toBe(7);
    expect(into.toString('utf8', 0, 7)).toBe('a frame');
    const nonce = Buffer.concat([Buffer.alloc(4), header.subarray(16, 24)]);
    const other = createDecipheriv('aes-256-gcm', KEY, nonce).setAAD(header.subarray(BOUND_AT));
    other.setAuthTag(bytes.subarray(-TAG));
    expect(Buffer.concat([other.update(bytes.subarray(0, -TAG)), other.final()]).toString()).toBe('a frame');
  });

  it('is refused where a byte of it, of its sender, session or number is another, or the key', () => {
    const { header, sealed: bytes } = sealed('a frame');
    const into = Buffer.alloc(200);
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(new Opener(KEY).open(changed, header, 0, into)).toBeUndefined();
    }
    for (let at = BOUND_AT; at < HEADER; at += 1) {
      const changed = Buffer.from(header);
      changed[at]! ^= 1;
      expect(new Opener(KEY).open(bytes, changed, 0, into)).toBeUndefined();
    }
    expect(new Opener(Buffer.alloc(32, 8)).open(bytes, header, 0, into)).toBeUndefined();
    expect(new Opener(KEY).open(bytes.subarray(0, TAG), header, 0, into)).toBeUndefined();
    expect(new Opener(KEY).open(Buffer.alloc(0), header, 0, into)).toBeUndefined();
  });
});

describe('a message that has come', () => {
  it('is taken once, also out of order, and none that is too old', () => {
    const window = new ReplayWindow();
    const take = (number: number): boolean => {
      const admitted = window.admits(number);
      if (admitted) window.took(number);
      return admitted;
    };
    expect([5, 5, 3, 4, 3, 9, 5, 8].map(take)).toEqual([true, false, true, true, false, true, false, true]);
    expect([5_000, 9, 2_952, 2_953, 2_953].map(take)).toEqual([true, false, false, true, false]);
    expect([2 ** 40, 2 ** 40, 5_001, 2 ** 40 - 1].map(take)).toEqual([true, false, false, true]);
  });

  it('is found among many as among a set of all', () => {
    const window = new ReplayWindow();
    const seen = new Set<number>();
    let latest = 0;
    for (let step = 0, number = 1; step < 20_000; step += 1) {
      number = Math.max(1, latest + ((step * 7_919) % 61) - 30);
      const isNew = !seen.has(number);
      expect(window.admits(number)).toBe(isNew);
      if (isNew) window.took(number);
      seen.add(number);
      latest = Math.max(latest, number);
    }
  });
});
