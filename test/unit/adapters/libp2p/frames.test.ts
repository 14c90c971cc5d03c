import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFrameReader, encodeFrame } from '../../../../src/adapters/libp2p/frames.ts';

const LIMIT = 1000;

test('frames arrive as they were sent, however the bytes are cut', () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 });
  fc.assert(
    fc.property(payloads, cuts, (sent, sizes) => {
      const bytes = Buffer.concat(sent.map(encodeFrame));
      const reader = createFrameReader(LIMIT);
      const received: Uint8Array[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length]!;
        received.push(...(reader.push(bytes.subarray(at, at + size)) ?? []));
        at += size;
      }
      expect(received.map(frame => [...frame])).toEqual(sent.map(frame => [...frame]));
    }),
  );
});

test('a frame as large as the limit passes; a larger one is refused by its header', () => {
  expect(createFrameReader(LIMIT).push(encodeFrame(new Uint8Array(LIMIT)))).toHaveLength(1);
  expect(
    createFrameReader(LIMIT).push(encodeFrame(new Uint8Array(LIMIT + 1)).subarray(0, 4)),
  ).toBeUndefined();
  expect(createFrameReader(LIMIT).push(Uint8Array.from([0xff, 0xff, 0xff, 0xff]))).toBeUndefined();
});
