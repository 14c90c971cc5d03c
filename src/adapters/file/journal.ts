import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { encodeHeader, HEADER_BYTES } from './codec.ts';
import { replaceFile, writeAll } from './durable.ts';

/**
 * Zeros kept written ahead of the journal's end. They are what makes a full disk known before it hurts: a commit
 * overwrites blocks that the file has already, so those go on while `reserve` fails. It also makes a commit cheap,
 * since there is no changed metadata to write. (Node has no fallocate; and on a copy-on-write file system, where
 * overwriting needs new blocks, neither would help.)
 */
export const RESERVE_BYTES = 1024 * 1024;

const ZEROS = Buffer.alloc(64 * 1024);

/** Where a journal's last good frame ends, how far garbage goes on behind it, and the file's size. */
export interface JournalTail {
  readonly end: number;
  readonly dirtyTo: number;
  readonly size: number;
}

/** Frames at the end of a preallocated file. Its methods throw what the system throws. */
export class Journal {
  readonly #file: FileHandle;
  /** The same file: what is written by it is on disk when the write returns, which saves a commit one way to another thread. */
  readonly #durable: FileHandle;
  #end: number;
  #size: number;
  #reserving: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, durable: FileHandle, end: number, size: number) {
    this.#file = file;
    this.#durable = durable;
    this.#end = end;
    this.#size = size;
  }

  static async #with(path: string, file: FileHandle, end: number, size: number): Promise<Journal> {
    try {
      return new Journal(file, await open(path, constants.O_RDWR | constants.O_DSYNC), end, size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Makes an empty journal with its reserve; it appears at `path` whole, and durably. */
  static async create(path: string): Promise<Journal> {
    await replaceFile(path, async file => {
      await writeAll(file, encodeHeader('jrnl'), 0);
      await writeAll(file, Buffer.alloc(RESERVE_BYTES), HEADER_BYTES);
    });
    return Journal.#with(path, await open(path, 'r+'), HEADER_BYTES, HEADER_BYTES + RESERVE_BYTES);
  }

  /** Goes on with a journal; overwrites what stands behind its last good frame, so that it can't be taken for one later. */
  static async open(path: string, tail: JournalTail): Promise<Journal> {
    const file = await open(path, 'r+');
    try {
      await writeAll(file, encodeHeader('jrnl'), 0);
      if (tail.dirtyTo > tail.end) await writeAll(file, Buffer.alloc(tail.dirtyTo - tail.end), tail.end);
      await file.datasync();
    } catch (error) {
      await file.close();
      throw error;
    }
    return Journal.#with(path, file, tail.end, Math.max(tail.size, tail.end));
  }

  /** Bytes of frames so far. */
  used(): number {
    return this.#end - HEADER_BYTES;
  }

  /** Bytes that `append` can take. */
  left(): number {
    return this.#size - this.#end;
  }

  /** Resolves when `bytes` are on disk; at most `left()`. What failed may be tried again: it goes to the same place. */
  async append(bytes: Buffer): Promise<void> {
    if (bytes.length > this.left()) throw new Error('append goes beyond the reserve');
    await writeAll(this.#durable, bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Writes zeros ahead until `bytes` are left. What a full disk still took counts. */
  reserve(bytes: number): Promise<void> {
    const reserved = this.#reserving.then(() => this.#extend(bytes));
    this.#reserving = reserved.catch(() => undefined);
    return reserved;
  }

  async #extend(bytes: number): Promise<void> {
    if (this.left() >= bytes) return;
    while (this.left() < bytes) {
      const length = Math.min(ZEROS.length, bytes - this.left());
      const { bytesWritten } = await this.#file.write(ZEROS, 0, length, this.#size);
      this.#size += bytesWritten;
    }
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#durable.close();
    await this.#file.close();
  }
}
