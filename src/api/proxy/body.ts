import type { Framing } from './head.ts';

/** A chunk's size, and extensions that nobody uses. */
const LONGEST_LINE = 1024;
const LONGEST_TRAILERS = 16 * 1024;

const CR = 13;
const LF = 10;

/** What stands between the bytes of a chunked body is not as it has to be. */
export class BadChunk extends Error {}

/** Finds where a body ends in bytes that pass by, which are left as they are; gives what it says to `onData`. */
export class Body {
  #left: number;
  #state: 'data' | 'data-end' | 'size' | 'trailer' | 'done';
  readonly #chunked: boolean;
  readonly #onData: ((part: Buffer) => void) | undefined;
  #line = '';
  #trailers = 0;

  constructor(framing: Framing, onData?: (part: Buffer) => void) {
    this.#chunked = framing.kind === 'chunked';
    this.#onData = onData;
    this.#left =
      framing.kind === 'length' ? framing.length : framing.kind === 'close' ? Number.POSITIVE_INFINITY : 0;
    this.#state = framing.kind === 'none' ? 'done' : this.#chunked ? 'size' : 'data';
  }

  /** No sign is needed then that it was whole. */
  get endsWithConnection(): boolean {
    return this.#left === Number.POSITIVE_INFINITY;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** How many of `bytes` belong to it: all, but where it ends among them. */
  take(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.#state === 'data') at = this.#data(bytes, at);
      else at = this.#between(bytes, at);
    }
    return at;
  }

  #data(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#onData?.(bytes.subarray(at, end));
    this.#left -= end - at;
    if (this.#left === 0) this.#state = this.#chunked ? 'data-end' : 'done';
    return end;
  }

  /** A line, or as much of it as there is. */
  #between(bytes: Buffer, at: number): number {
    const feed = bytes.indexOf(LF, at);
    const end = feed === -1 ? bytes.length : feed + 1;
    this.#line += bytes.toString('latin1', at, end);
    if (this.#line.length > LONGEST_LINE) throw new BadChunk('a line of a chunked body is too long');
    if (feed === -1) return end;
    if (this.#line.charCodeAt(this.#line.length - 2) !== CR)
      throw new BadChunk('a line of a chunked body has no end');
    const line = this.#line.slice(0, -2);
    this.#line = '';
    this.#read(line);
    return end;
  }

  #read(line: string): void {
    if (this.#state === 'data-end') {
      if (line !== '') throw new BadChunk('a chunk is longer than its size');
      this.#state = 'size';
    } else if (this.#state === 'size') {
      const size = /^([\da-fA-F]{1,12})[ \t]*(;[\t\x20-\x7e]*)?$/.exec(line)?.[1];
      if (size === undefined) throw new BadChunk('a chunk has no size');
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailer' : 'data';
    } else {
      this.#trailers += line.length;
      if (this.#trailers > LONGEST_TRAILERS)
        throw new BadChunk('the trailers of a chunked body are too long');
      if (line === '') this.#state = 'done';
    }
  }
}
