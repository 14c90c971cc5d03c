/**
 * The sync stream's frames: 4 bytes length, big endian, then that many bytes. One of length 0 is a sign of its own
 * (see link.ts); it carries no message.
 */
const HEADER_LENGTH = 4;

/** Puts `payload` into a frame of its own; the bytes are copied. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_LENGTH + payload.length);
  new DataView(frame.buffer).setUint32(0, payload.length);
  frame.set(payload, HEADER_LENGTH);
  return frame;
}

export interface FrameReader {
  /** The frames that `chunk` completes, or undefined where one announces more than the limit. */
  push(chunk: Uint8Array): readonly Uint8Array[] | undefined;
}

/** Holds at most one frame of `limit` bytes and the chunk that goes beyond it. */
export function createFrameReader(limit: number): FrameReader {
  let chunks: Uint8Array[] = [];
  let held = 0;
  /** Bytes needed before anything can be done. */
  let wanted = HEADER_LENGTH;

  return {
    push(chunk) {
      chunks.push(chunk);
      held += chunk.length;
      const frames: Uint8Array[] = [];
      if (held < wanted) return frames;
      let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks, held);
      wanted = HEADER_LENGTH;
      while (bytes.length >= HEADER_LENGTH) {
        const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
        if (length > limit) return undefined;
        wanted = HEADER_LENGTH + length;
        if (bytes.length < wanted) break;
        frames.push(bytes.subarray(HEADER_LENGTH, wanted));
        bytes = bytes.subarray(wanted);
        wanted = HEADER_LENGTH;
      }
      chunks = bytes.length === 0 ? [] : [bytes];
      held = bytes.length;
      return frames;
    },
  };
}
