import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Attributes, attributesIn } from '../../../../src/adapters/linux/netlink/attributes.ts';
import { messagesIn } from '../../../../src/adapters/linux/netlink/message.ts';
import { MessageWriter } from '../../../../src/adapters/linux/netlink/writer.ts';
import { readLink } from '../../../../src/adapters/linux/rtnetlink/link-table.ts';
import { readForwarding, readNeighbour } from '../../../../src/adapters/linux/rtnetlink/neighbours.ts';

/** What the kernel may send, and what it never would: nothing makes the reader throw, loop, or read beyond the end. */

const type = fc.integer({ min: 1, max: 0x3fff });
const value = fc.uint8Array({ maxLength: 40 });
const list = fc.array(fc.record({ type, value }), { maxLength: 12 });

function write(attributes: readonly { type: number; value: Uint8Array }[]): Uint8Array {
  const writer = new MessageWriter(1);
  for (const { type: of, value: bytes } of attributes) writer.attribute(of, bytes);
  return writer.bytes().slice();
}

/** All that can be asked of attributes. */
function readAll(attributes: Attributes, of: number): void {
  attributes.has(of);
  attributes.bytes(of);
  attributes.u8(of);
  attributes.u16Be(of);
  attributes.u32(of);
  attributes.i32(of);
  attributes.number(of, 6);
  attributes.text(of);
  attributes.nest(of).bytes(of);
}

describe('attributes', () => {
  test('are read as they were written, in their order', () => {
    fc.assert(
      fc.property(list, written => {
        expect([...attributesIn(write(written))]).toEqual(written);
      }),
    );
  });

  test('of equal types the last counts', () => {
    fc.assert(
      fc.property(list, written => {
        const attributes = new Attributes(write(written));
        const last = new Map(written.map(({ type: of, value: bytes }) => [of, bytes]));
        for (const [of, bytes] of last) expect(attributes.bytes(of)).toEqual(bytes);
        for (const of of [1, 77, 0x3fff]) expect(attributes.has(of)).toBe(last.has(of));
      }),
    );
  });

  test('cut off anywhere, give those that are whole', () => {
    fc.assert(
      fc.property(list, fc.nat(), (written, cut) => {
        const bytes = write(written);
        const found = [...attributesIn(bytes.subarray(0, cut % (bytes.length + 1)))];
        expect(found).toEqual(written.slice(0, found.length));
      }),
    );
  });

  test('of any bytes end, and stay within them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), type, (bytes, of) => {
        // In the middle of a larger buffer, as in what was received: nothing beyond the end may show.
        const buffer = new Uint8Array(bytes.length + 64).fill(0xaa);
        buffer.set(bytes, 32);
        const view = buffer.subarray(32, 32 + bytes.length);
        const total = [...attributesIn(view)].reduce((sum, found) => sum + 4 + found.value.length, 0);
        expect(total).toBeLessThanOrEqual(bytes.length);
        readAll(new Attributes(view), of);
      }),
      { numRuns: 2000 },
    );
  });

  test('of another length than the kind of value has are no value', () => {
    fc.assert(
      fc.property(value, bytes => {
        const attributes = new Attributes(write([{ type: 5, value: bytes }]));
        const { length } = bytes;
        expect(attributes.u8(5) === undefined).toBe(length !== 1);
        expect(attributes.u16Be(5) === undefined).toBe(length !== 2);
        for (const four of [attributes.u32(5), attributes.i32(5), attributes.number(5, 4)]) {
          expect(four === undefined).toBe(length !== 4);
        }
      }),
    );
  });

  test('keep numbers, text and nests', () => {
    const number = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(number, fc.string({ maxLength: 20 }), list, (u32, text, inner) => {
        fc.pre(!text.includes('\0'));
        const writer = new MessageWriter(1);
        writer.attributeU8(1, u32 & 255);
        writer.attributeU16Be(2, u32 & 0xffff);
        writer.attributeU32(3, u32);
        writer.attributeU32Be(4, u32);
        writer.attributeText(5, text);
        writer.nest(6, () => {
          for (const { type: of, value: bytes } of inner) writer.attribute(of, bytes);
        });
        writer.attributeU32(7, 7);
        const attributes = new Attributes(writer.bytes());
        expect(attributes.u8(1)).toBe(u32 & 255);
        expect(attributes.u16Be(2)).toBe(u32 & 0xffff);
        expect(attributes.u32(3)).toBe(u32);
        expect(attributes.i32(3)).toBe(u32 | 0);
        expect(attributes.number(4, 4)).toBe(u32);
        expect(attributes.text(5)).toBe(new TextDecoder().decode(new TextEncoder().encode(text)));
        expect([...attributesIn(attributes.bytes(6)!)]).toEqual(inner);
        expect(attributes.u32(7)).toBe(7);
      }),
    );
  });
});

describe('messages', () => {
  test('are read as they were written', () => {
    const message = fc.record({
      type,
      flags: fc.nat(0xffff),
      sequence: fc.nat(0xffffffff),
      attributes: list,
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), messages => {
        const writer = new MessageWriter(1);
        for (const { type: of, flags, sequence, attributes } of messages) {
          writer.message(of, flags, sequence, () => {
            for (const { type: inner, value: bytes } of attributes) writer.attribute(inner, bytes);
          });
        }
        const found = [...messagesIn(writer.bytes())].map(({ body, ...header }) => ({
          ...header,
          attributes: [...attributesIn(body)],
        }));
        expect(found).toEqual(messages);
      }),
    );
  });

  test('of any bytes end, and what is read of them never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
        let total = 0;
        for (const message of messagesIn(bytes)) {
          total += 16 + message.body.length;
          readLink(message);
        }
        expect(total).toBeLessThanOrEqual(bytes.length);
        readForwarding(bytes);
        readNeighbour(bytes);
        readLink({ type: 16, flags: 0, sequence: 0, body: bytes });
      }),
      { numRuns: 2000 },
    );
  });

  test('that describe a link may be cut off or bent anywhere', () => {
    const writer = new MessageWriter();
    for (const word of [0, 7, 1, 0]) writer.u32(word);
    writer.attributeText(3, 'vx-1');
    writer.attributeU32(4, 1450);
    writer.nest(18, () => {
      writer.attributeText(1, 'vxlan');
      writer.nest(2, () => {
        writer.attributeU32(1, 77);
        writer.attribute(4, Uint8Array.of(10, 0, 0, 1));
        writer.attributeU16Be(15, 6784);
        writer.attributeU8(7, 0);
      });
    });
    const whole = writer.bytes().slice();
    const read = (body: Uint8Array) => readLink({ type: 16, flags: 0, sequence: 0, body });
    const vxlan = { vni: 77, local: '10.0.0.1', port: 6784, learning: false };
    expect(read(whole)).toMatchObject({ index: 7, name: 'vx-1', up: true, mtu: 1450, kind: 'vxlan', vxlan });
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255), (cut, at, byte) => {
        const bent = whole.slice();
        bent[at] = byte;
        read(bent.subarray(0, cut));
      }),
      { numRuns: 2000 },
    );
  });
});
