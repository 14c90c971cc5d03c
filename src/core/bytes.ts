/** Bytes in one canonical form: a value has exactly one encoding, so that a signature covers exactly one string. */

const encoder = new TextEncoder();
// A byte order mark is text like any other here: left out, it would make two encodings of one string.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const EMPTY = new Uint8Array(0);

/** The room of a writer that is done with it, for the next one: writing small things is mostly making room. */
let spare: Uint8Array | undefined;
const SPARE_BYTES = 64 * 1_024;

/** Writes unsigned varints (LEB128), raw bytes, and bytes or text with their length in front. Grows as needed. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor() {
    this.#bytes = spare ?? new Uint8Array(1_024);
    spare = undefined;
  }

  get length(): number {
    return this.#length;
  }

  /** `value` is a whole number from 0 to 2^53 - 1. */
  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a varint: ${value}`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  text(text: string): this {
    const start = this.#length;
    this.varint(text.length);
    this.#reserve(text.length);
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit < 0x80) {
        this.#bytes[this.#length++] = unit;
      } else {
        // Nearly all text here is ASCII, for which the encoder costs ten times this loop.
        this.#length = start;
        return this.bytes(encoder.encode(text));
      }
    }
    return this;
  }

  /** All that was written. The writer is empty afterwards. */
  finish(): Uint8Array {
    const written = this.#bytes.slice(0, this.#length);
    if (this.#bytes.length <= SPARE_BYTES) spare = this.#bytes;
    this.#bytes = EMPTY;
    this.#length = 0;
    return written;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/**
 * Reads what a `ByteWriter` wrote. Never throws: truncated, oversize or non-canonical input sets `failed`, and from
 * then on everything reads as zero or empty; so a whole structure is read first and `failed` looked at once.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Everything was read, and was well formed. */
  get done(): boolean {
    return !this.#failed && this.#offset === this.#bytes.length;
  }

  /** Gives up on the input: what was read is well formed, but not allowed. */
  fail(): void {
    this.#failed = true;
  }

  varint(limit = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    for (let scale = 1; !this.#failed; scale *= 128) {
      const byte = this.#bytes[this.#offset++];
      // A last byte of zero adds nothing: the same number has a shorter encoding.
      if (byte === undefined || (byte === 0 && scale > 1)) break;
      value += (byte & 127) * scale;
      if (value > limit) break;
      if (byte < 128) return value;
    }
    this.#failed = true;
    return 0;
  }

  /** A copy, so that a small value doesn't keep a large message in memory. */
  raw(length: number): Uint8Array {
    const bytes = this.#take(length);
    return bytes === undefined || length === 0 ? EMPTY : bytes.slice();
  }

  bytes(limit: number): Uint8Array {
    return this.raw(this.varint(limit));
  }

  /** `limit` is in bytes of UTF-8. */
  text(limit: number): string {
    const bytes = this.#take(this.varint(limit));
    if (bytes === undefined) return '';
    try {
      return decoder.decode(bytes);
    } catch {
      this.#failed = true;
      return '';
    }
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#offset);
  }

  #take(length: number): Uint8Array | undefined {
    const end = this.#offset + length;
    if (this.#failed || end > this.#bytes.length) {
      this.#failed = true;
      return undefined;
    }
    const bytes = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return bytes;
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Orders by the first byte that differs; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Bytes that `ByteWriter.varint` takes for `value`. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Bytes that `ByteWriter.text` takes for `text`. */
export function textSize(text: string): number {
  const length = byteLength(text);
  return varintSize(length) + length;
}

/** Bytes of well-formed `text` in UTF-8. */
export function byteLength(text: string): number {
  let size = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // Each half of a surrogate pair counts two of the four bytes; everything else above 0x7ff has three.
    if (unit >= 0x80) size += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return size;
}
