import { crc32 } from 'node:zlib';
import type { Batch } from '../../ports/store.ts';

/**
 * What the files of a state directory hold, byte by byte (numbers little-endian):
 *
 *     file   = header frame*
 *     header = "mesh" kind:4 version:u32 crc:u32              kind is "snap" or "jrnl"; crc over what stands before it
 *     frame  = crc:u32 length:u32 sequence:u64 body           crc over what follows it; length is the body's
 *     record = keyLength:u32 valueLength:u32 key value        valueLength 0xffffffff: the key is removed
 *
 * A journal has one frame a batch, numbered 1, 2, 3 ... over all journals, then zeros. A snapshot has frames that
 * carry the number of the last batch in it, then one whose body counts its records, then nothing.
 */
export type FileKind = 'snap' | 'jrnl';

export const FORMAT_VERSION = 1;
export const HEADER_BYTES = 16;
const FRAME_BYTES = 16;

const MAGIC = 'mesh';
const REMOVED = 0xffffffff;
const RECORD_BYTES = 8;

export interface Frame {
  readonly sequence: number;
  readonly body: Buffer;
  /** Where the next frame begins. */
  readonly end: number;
}

export function encodeHeader(kind: FileKind, version = FORMAT_VERSION): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC + kind, 'latin1');
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

/** The version in the header, or undefined where it is damaged or of another kind. */
export function decodeHeader(bytes: Buffer, kind: FileKind): number | undefined {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC + kind) return undefined;
  if (bytes.readUInt32LE(12) !== crc32(bytes.subarray(0, 12))) return undefined;
  return bytes.readUInt32LE(8);
}

export function encodeFrame(sequence: number, body: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_BYTES + body.length);
  frame.writeUInt32LE(body.length, 4);
  frame.writeBigUInt64LE(BigInt(sequence), 8);
  body.copy(frame, FRAME_BYTES);
  frame.writeUInt32LE(crc32(frame.subarray(4)), 0);
  return frame;
}

/** The frame at `offset`, or undefined where there is none, whole and undamaged. */
export function decodeFrame(bytes: Buffer, offset: number): Frame | undefined {
  if (offset + FRAME_BYTES > bytes.length) return undefined;
  const end = offset + FRAME_BYTES + bytes.readUInt32LE(offset + 4);
  if (end > bytes.length) return undefined;
  if (bytes.readUInt32LE(offset) !== crc32(bytes.subarray(offset + 4, end))) return undefined;
  const sequence = Number(bytes.readBigUInt64LE(offset + 8));
  return { sequence, body: bytes.subarray(offset + FRAME_BYTES, end), end };
}

export function encodeBatch(batch: Batch): Buffer {
  const parts: Uint8Array[] = [];
  for (const [key, value] of batch) {
    const name = Buffer.from(key);
    const head = Buffer.allocUnsafe(RECORD_BYTES);
    head.writeUInt32LE(name.length, 0);
    head.writeUInt32LE(value?.length ?? REMOVED, 4);
    parts.push(head, name);
    if (value !== undefined) parts.push(value);
  }
  return Buffer.concat(parts);
}

/**
 * Carries out a batch on `records`; values are copied, so that `body` may go. The checksum has been looked at
 * already: a body that doesn't parse was written so, which is a broken invariant.
 */
export function applyBatch(body: Buffer, records: Map<string, Uint8Array>): void {
  for (let offset = 0; offset < body.length; ) {
    const keyEnd = offset + RECORD_BYTES + body.readUInt32LE(offset);
    const length = body.readUInt32LE(offset + 4);
    const key = body.toString('utf8', offset + RECORD_BYTES, keyEnd);
    offset = length === REMOVED ? keyEnd : keyEnd + length;
    if (offset > body.length) throw new Error('a record reaches beyond its batch');
    if (length === REMOVED) records.delete(key);
    else records.set(key, new Uint8Array(body.subarray(keyEnd, offset)));
  }
}

/** What a record takes in a snapshot. */
export function recordBytes(key: string, value: Uint8Array): number {
  return RECORD_BYTES + Buffer.byteLength(key) + value.length;
}
