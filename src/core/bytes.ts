/** Reading and writing the binary form of messages: unsigned varints (LEB128), and bytes with their length in front. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export interface ByteWriter {
  number(value: number): ByteWriter;
  bytes(value: Uint8Array): ByteWriter;
  text(value: string): ByteWriter;
  finish(): Uint8Array;
}

export function createWriter(): ByteWriter {
  let buffer = new Uint8Array(256);
  let length = 0;
  const room = (more: number): void => {
    if (length + more <= buffer.length) return;
    const larger = new Uint8Array(Math.max(buffer.length * 2, length + more));
    larger.set(buffer.subarray(0, length));
    buffer = larger;
  };
  const writer: ByteWriter = {
    number(value) {
      room(8);
      let rest = value;
      while (rest >= 0x80) {
        buffer[length++] = (rest % 0x80) | 0x80;
        rest = Math.floor(rest / 0x80);
      }
      buffer[length++] = rest;
      return writer;
    },
    bytes(value) {
      writer.number(value.length);
      room(value.length);
      buffer.set(value, length);
      length += value.length;
      return writer;
    },
    text: value => writer.bytes(encoder.encode(value)),
    finish: () => buffer.slice(0, length),
  };
  return writer;
}

/** Reads what a writer wrote. Once anything was wrong, `failed` stays set, and what is read means nothing. */
export interface ByteReader {
  number(): number;
  /** At most `limit` bytes, as a view into the message. */
  bytes(limit: number): Uint8Array;
  text(limit: number): string;
  /** A count of things that take at least `size` bytes each: never more than can follow. */
  count(size: number): number;
  readonly failed: boolean;
  /** All was right, and nothing is left. */
  complete(): boolean;
}

export function createReader(input: Uint8Array): ByteReader {
  let offset = 0;
  let failed = false;
  const fail = (): 0 => {
    failed = true;
    return 0;
  };
  const reader: ByteReader = {
    number() {
      let value = 0;
      let scale = 1;
      for (;;) {
        const byte = input[offset++];
        if (failed || byte === undefined) return fail();
        value += (byte & 0x7f) * scale;
        if (!Number.isSafeInteger(value)) return fail();
        if (byte < 0x80) return byte === 0 && scale > 1 ? fail() : value;
        scale *= 0x80;
        if (scale > 2 ** 49) return fail();
      }
    },
    bytes(limit) {
      const length = reader.number();
      if (failed || length > limit || offset + length > input.length) {
        fail();
        return new Uint8Array(0);
      }
      offset += length;
      return input.subarray(offset - length, offset);
    },
    text(limit) {
      try {
        return decoder.decode(reader.bytes(limit));
      } catch {
        failed = true;
        return '';
      }
    },
    count(size) {
      const count = reader.number();
      return count * size > input.length - offset ? fail() : count;
    },
    get failed() {
      return failed;
    },
    complete: () => !failed && offset === input.length,
  };
  return reader;
}
