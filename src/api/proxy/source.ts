import type { Socket } from 'node:net';

/** More than this is not read ahead of who takes it. */
const AHEAD = 256 * 1024;
const LONGEST_HEAD = 64 * 1024;
/** Who has begun a head has it at hand. */
const HEAD_MS = 60_000;

const CR = 13;
const LF = 10;
const HEAD_END = Buffer.from('\r\n\r\n');

/** A head: its bytes, or what was wrong with them; undefined where the sender has ended before. */
export type HeadBytes = { readonly bytes: Buffer } | { readonly wrong: 'long' | 'line' | 'slow' } | undefined;

/** What comes in on a connection, taken piece by piece. It is read ahead a little, so that its end is seen at once. */
export class Source {
  readonly socket: Socket;
  #chunks: Buffer[] = [];
  #size = 0;
  #isOver = false;
  #onOver: (() => void) | undefined;
  #wake = (): void => {};

  constructor(socket: Socket) {
    this.socket = socket;
    const over = (): void => {
      this.#isOver = true;
      this.#wake();
      this.#onOver?.();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#size += chunk.length;
      if (this.#size > AHEAD) socket.pause();
      this.#wake();
    });
    socket.on('end', over).on('close', over);
  }

  /** No more comes; what came may still be read. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Who is called when no more comes, at once where that is so already; nobody else any more. */
  whenOver(listener: (() => void) | undefined): void {
    this.#onOver = listener;
    if (this.#isOver) listener?.();
  }

  /** The next bytes, as they came; undefined at the end. */
  async read(): Promise<Buffer | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#isOver) return undefined;
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#chunks.shift()!;
    this.#size -= chunk.length;
    if (this.#size <= AHEAD) this.socket.resume();
    return chunk;
  }

  /** All that came already, without waiting for more. */
  atHand(): Buffer {
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#size = 0;
    this.socket.resume();
    return bytes;
  }

  /** Puts back what was too much. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#chunks.unshift(bytes);
    this.#size += bytes.length;
  }

  /** Up to and with the first empty line. */
  async head(): Promise<HeadBytes> {
    let bytes = await this.read();
    if (bytes === undefined) return undefined;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#isOver = true;
      this.#wake();
    }, HEAD_MS);
    try {
      for (let seen = 0; ; ) {
        const end = bytes.indexOf(HEAD_END, Math.max(0, seen - 3));
        const until = end === -1 ? bytes.length : end;
        if (hasBareFeed(bytes, seen, until)) return { wrong: 'line' };
        if (end + HEAD_END.length > LONGEST_HEAD || (end === -1 && bytes.length > LONGEST_HEAD))
          return { wrong: 'long' };
        if (end !== -1) {
          this.unread(bytes.subarray(end + HEAD_END.length));
          return { bytes: bytes.subarray(0, end + HEAD_END.length) };
        }
        seen = bytes.length;
        const more = await this.read();
        if (more === undefined) return isLate ? { wrong: 'slow' } : undefined;
        bytes = Buffer.concat([bytes, more]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A line that some would end where others go on. */
function hasBareFeed(bytes: Buffer, from: number, to: number): boolean {
  for (let at = bytes.indexOf(LF, from); at !== -1 && at < to; at = bytes.indexOf(LF, at + 1)) {
    if (at === 0 || bytes[at - 1] !== CR) return true;
  }
  return false;
}
