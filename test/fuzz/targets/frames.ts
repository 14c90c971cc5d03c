import fc from 'fast-check';
import { createFrameReader, encodeFrame } from '../../../src/adapters/libp2p/frames.ts';
import { createFrameCounter } from '../../../src/adapters/libp2p/gossip-meter.ts';
import { insist, type Target } from '../target.ts';

const LIMIT = 1_024;

export const frames: Target = {
  what: 'frames of the sync and the gossip stream, in chunks',
  structured: fc
    .array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 })
    .map(payloads => new Uint8Array(Buffer.concat(payloads.map(encodeFrame)))),
  read(bytes) {
    const whole = createFrameReader(LIMIT).push(bytes);
    const reader = createFrameReader(LIMIT);
    const pieces: Uint8Array[] = [];
    let failed = false;
    const counters = [createFrameCounter(), createFrameCounter()] as const;
    let counted = 0;
    for (let at = 0; at < bytes.length && !failed; at += 7) {
      const got = reader.push(bytes.subarray(at, at + 7));
      failed = got === undefined;
      pieces.push(...(got ?? []));
    }
    for (let at = 0; at < bytes.length; at += 7) counted += counters[0](bytes.subarray(at, at + 7)).frames;
    insist(counted === counters[1](bytes).frames, 'chunks make no difference to the count');
    insist(failed === (whole === undefined), 'chunks make no difference to what is refused');
    if (whole === undefined) return;
    insist(
      Buffer.concat(whole).equals(Buffer.concat(pieces)) && whole.length === pieces.length,
      'chunks make no difference to what is read',
    );
  },
};
