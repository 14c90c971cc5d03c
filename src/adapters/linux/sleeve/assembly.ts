import { type Chunk, HEADER, MESSAGE_MAX } from './wire.ts';

/** What of one peer's latest message has come. Chunks are sent one after another: of two messages, the earlier has lost some. */
export class Assembly {
  /** Made for the first message of several chunks. */
  #message: Buffer | undefined;
  readonly #has = new Uint8Array(256);
  #number = -1;
  #count = 0;
  #missing = 0;
  #length = 0;

  /** Takes a chunk that begins at `at`; gives the message once it is whole, until the next call. */
  take(chunk: Chunk, from: Buffer, at: number): Buffer | undefined {
    const { count, index, length, number, payload } = chunk;
    if (count === 1) return from.subarray(at + HEADER, at + length);
    if (number !== this.#number || count !== this.#count) {
      if (number < this.#number) return undefined;
      this.#begin(number, count);
    }
    if (this.#has[index] === 1) return undefined;
    this.#has[index] = 1;
    this.#message ??= Buffer.allocUnsafeSlow(MESSAGE_MAX);
    from.copy(this.#message, index * payload, at + HEADER, at + length);
    this.#length += length - HEADER;
    this.#missing -= 1;
    return this.#missing === 0 ? this.#message.subarray(0, this.#length) : undefined;
  }

  #begin(number: number, count: number): void {
    this.#number = number;
    this.#count = count;
    this.#missing = count;
    this.#length = 0;
    this.#has.fill(0, 0, count);
  }
}
