import { describe, expect, it } from 'vitest';
import { Assembly } from '../../../../../src/adapters/linux/sleeve/assembly.ts';
import {
  type Chunk,
  HEADER,
  MESSAGE_MAX,
  readChunk,
  writeHeading,
  writePlace,
} from '../../../../../src/adapters/linux/sleeve/wire.ts';

const HEADING = { payload: 100, count: 3, sender: 0xf0000001, session: 7, number: 2 ** 40 + 5 };

/** A message of `size` bytes, cut into chunks with `payload` each. */
function cut(size: number, payload: number, number = 1): readonly Buffer[] {
  const count = Math.ceil(size / payload);
  return Array.from({ length: count }, (_, index) => {
    const carried = Math.min(payload, size - index * payload);
    const chunk = Buffer.alloc(HEADER + carried, index + number);
    writeHeading(chunk, 0, { ...HEADING, payload, count, number });
    writePlace(chunk, 0, chunk.length, index);
    return chunk;
  });
}

function take(assembly: Assembly, bytes: Buffer): Buffer | undefined {
  return assembly.take(readChunk(bytes, 0, bytes.length) as Chunk, bytes, 0);
}

describe('a chunk', () => {
  it('comes back as it was written', () => {
    const bytes = Buffer.alloc(200);
    writeHeading(bytes, 10, HEADING);
    writePlace(bytes, 10, HEADER + 100, 1);
    expect(readChunk(bytes, 10, 200)).toEqual({ ...HEADING, length: HEADER + 100, index: 1 });
  });

  it.each([
    ['of another kind', (bytes: Buffer) => bytes.writeUInt8(0, 0)],
    ['of another version', (bytes: Buffer) => bytes.writeUInt8(2, 1)],
    ['that says it is longer than what came', (bytes: Buffer) => bytes.writeUInt16BE(HEADER + 101, 2)],
    ['without anything in it', (bytes: Buffer) => bytes.writeUInt16BE(HEADER, 2)],
    ['that comes after the last', (bytes: Buffer) => bytes.writeUInt8(3, 4)],
    ['of none', (bytes: Buffer) => bytes.writeUInt8(0, 5)],
    ['with more than fits', (bytes: Buffer) => bytes.writeUInt16BE(99, 6)],
    ['that is shorter than those before the last are', (bytes: Buffer) => bytes.writeUInt16BE(101, 6)],
  ])('%s is none', (_, change) => {
    const [first] = cut(250, 100);
    change(first!);
    expect(readChunk(first!, 0, first!.length)).toBeUndefined();
  });

  it('never leads beyond the largest message', () => {
    const bytes = Buffer.alloc(HEADER + 60_000);
    writeHeading(bytes, 0, { ...HEADING, payload: 60_000, count: 3 });
    writePlace(bytes, 0, bytes.length, 2);
    expect(2 * 60_000 + 60_000).toBeGreaterThan(MESSAGE_MAX);
    expect(readChunk(bytes, 0, bytes.length)).toBeUndefined();
  });
});

describe('a message', () => {
  it('is whole once all of its chunks have come, in whatever order', () => {
    const assembly = new Assembly();
    const [a, b, c] = cut(250, 100) as [Buffer, Buffer, Buffer];
    expect(take(assembly, c)).toBeUndefined();
    expect(take(assembly, a)).toBeUndefined();
    expect(take(assembly, a)).toBeUndefined();
    const whole = Buffer.concat([a, b, c].map(chunk => chunk.subarray(HEADER)));
    expect(take(assembly, b)).toEqual(whole);
  });

  it('that lost some of them is given up for the next', () => {
    const assembly = new Assembly();
    const [first] = cut(250, 100, 1);
    const next = cut(150, 100, 2);
    take(assembly, first!);
    expect(take(assembly, next[0]!)).toBeUndefined();
    expect(take(assembly, first!)).toBeUndefined();
    expect(take(assembly, next[1]!)).toHaveLength(150);
  });

  it('of one chunk disturbs none that is coming', () => {
    const assembly = new Assembly();
    const [a, b] = cut(150, 100, 5);
    take(assembly, a!);
    expect(take(assembly, cut(20, 100, 6)[0]!)).toHaveLength(20);
    expect(take(assembly, b!)).toHaveLength(150);
  });
});
