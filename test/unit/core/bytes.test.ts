import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ByteReader,
  ByteWriter,
  byteLength,
  compareBytes,
  equalBytes,
  textSize,
  varintSize,
} from '../../../src/core/bytes.ts';
import { campaign } from '../../support/campaign.ts';

const reading = (...bytes: number[]): ByteReader => new ByteReader(Uint8Array.from(bytes));

describe('varints', () => {
  it.each([0, 1, 127, 128, 300, 2 ** 32, 2 ** 48, Number.MAX_SAFE_INTEGER])(
    '%d comes back, in the size foretold',
    value => {
      const bytes = new ByteWriter().varint(value).finish();
      const reader = new ByteReader(bytes);
      expect(reader.varint()).toBe(value);
      expect(reader.done).toBe(true);
      expect(bytes).toHaveLength(varintSize(value));
    },
  );

  it.each<[string, number[]]>([
    ['nothing', []],
    ['a number cut short', [0x80]],
    ['a number written longer than needed', [0x81, 0x00]],
    ['2^53', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a number without end', Array<number>(40).fill(0xff)],
  ])('fail on %s', (_, bytes) => {
    const reader = reading(...bytes);
    expect(reader.varint()).toBe(0);
    expect(reader.failed).toBe(true);
  });

  it('fail above the limit', () => {
    const reader = reading(7);
    reader.varint(6);
    expect(reader.failed).toBe(true);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('%d is not written', value => {
    expect(() => new ByteWriter().varint(value)).toThrow(RangeError);
  });
});

describe('text and bytes', () => {
  it.each(['', 'mesh', 'é', '日本', '😀', '\ufeffmark', 'a'.repeat(1_000)])(
    '%j comes back, in the size foretold',
    text => {
      const bytes = new ByteWriter().text(text).finish();
      const reader = new ByteReader(bytes);
      expect(reader.text(5_000)).toBe(text);
      expect(reader.done).toBe(true);
      expect(bytes).toHaveLength(textSize(text));
      expect(byteLength(text)).toBe(new TextEncoder().encode(text).length);
    },
  );

  it.each<[string, number[]]>([
    ['is longer than what is there', [3, 97, 98]],
    ['is longer than allowed', [5, 97, 98, 99, 100, 101]],
    ['is not UTF-8', [1, 0xff]],
    ['is UTF-8 of an overlong form', [2, 0xc0, 0x80]],
    ['is half a surrogate pair', [3, 0xed, 0xa0, 0x80]],
  ])('fail where it %s', (_, bytes) => {
    const reader = reading(...bytes);
    expect(reader.text(4)).toBe('');
    expect(reader.failed).toBe(true);
  });

  it('stay failed: nothing more is read', () => {
    const reader = reading(9, 1, 1);
    reader.bytes(8);
    expect([reader.varint(), reader.text(9), reader.rest(), reader.done]).toEqual([
      0,
      '',
      new Uint8Array(0),
      false,
    ]);
  });

  it('are copies: what is kept holds no message in memory', () => {
    const message = Uint8Array.from([2, 5, 6]);
    const bytes = new ByteReader(message).bytes(2);
    message.fill(0);
    expect(bytes).toEqual(Uint8Array.from([5, 6]));
    expect(bytes.buffer.byteLength).toBe(2);
  });

  it('have one encoding: whatever reads well is written the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        const reader = new ByteReader(bytes);
        const [number, text, rest] = [reader.varint(), reader.text(40), reader.rest()];
        if (!reader.done) return;
        expect(new ByteWriter().varint(number).text(text).raw(rest).finish()).toEqual(bytes);
      }),
      campaign(60_01, 2_000),
    );
  });
});

it('orders bytes as strings of them, the prefix first', () => {
  const [short, long, high] = [[1], [1, 0], [2]].map(bytes => Uint8Array.from(bytes)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  expect([high, long, short].sort(compareBytes)).toEqual([short, long, high]);
  expect(equalBytes(short, Uint8Array.from([1]))).toBe(true);
  expect(equalBytes(short, long)).toBe(false);
});
