import { describe, expect, it } from 'vitest';
import { checksum, echoRequest, parseEchoReply, SHORTEST_ECHO } from '../../../../src/adapters/linux/echo.ts';

const TOKEN = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
/** From 10.0.0.2, identifier 0x1234, sequence 0x0506. */
const REPLY = Buffer.from(
  `45000024 00000000 40010000 0a000002 0a000001 00000000 12340506 01020304 05060708`.replaceAll(' ', ''),
  'hex',
);

describe('echo packets', () => {
  it('are written to the byte', () => {
    const packet = echoRequest(0x1234, 0x0506, TOKEN, SHORTEST_ECHO + 1);
    expect(Buffer.from(packet).toString('hex')).toBe('0800d0b112340506010203040506070800');
    expect(checksum(packet)).toBe(0);
  });

  it('are read, also behind IP options', () => {
    const reply = { from: '10.0.0.2', identifier: 0x1234, sequence: 0x0506, token: TOKEN };
    expect(parseEchoReply(REPLY)).toEqual(reply);
    const options = Buffer.concat([
      REPLY.subarray(0, 20),
      Buffer.from('01010101', 'hex'),
      REPLY.subarray(20),
    ]);
    options[0] = 0x46;
    expect(parseEchoReply(options)).toEqual(reply);
  });

  it('are refused where they are cut off, or something else', () => {
    for (let length = 0; length < REPLY.length; length += 1) {
      expect(parseEchoReply(REPLY.subarray(0, length))).toBeUndefined();
    }
    for (const [at, value] of [
      [0, 0x4f],
      [0, 0x44],
      [0, 0x40],
      [9, 17],
      [20, 3],
    ] as const) {
      const other = Buffer.from(REPLY);
      other[at] = value;
      expect(parseEchoReply(other)).toBeUndefined();
    }
  });
});
