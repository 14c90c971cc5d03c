import type { PeerId } from '../address.ts';
import { type ByteReader, ByteWriter, textSize, varintSize } from '../bytes.ts';
import { type Entry, HASH_BYTES, type Head, NUMBER_MAX } from './fact.ts';

/** Sizes in bytes. An entry is a fact about one thing; bulk has no place in what every host holds. */
export const SIZES = {
  owner: 128,
  domain: 32,
  key: 512,
  value: 4_096,
  extra: 1_024,
  signature: 128,
} as const;

/** Different strings in front, so that a signature over one kind is never one over the other. */
const ENTRY_CONTEXT = 'mesh entry 1';
const HEAD_CONTEXT = 'mesh head 1';

/** What the owner signs, and what is hashed. */
export function signedEntry(entry: Omit<Entry, 'signature'>): Uint8Array {
  const writer = new ByteWriter().text(ENTRY_CONTEXT).text(entry.owner);
  return writeEntryBody(writer, entry).finish();
}

/** What the owner signs. */
export function signedHead(head: Omit<Head, 'signature'>): Uint8Array {
  return writeHeadBody(new ByteWriter().text(HEAD_CONTEXT), head).finish();
}

/** Without its owner, whom the head beside it names. */
export function writeEntry(writer: ByteWriter, entry: Entry): ByteWriter {
  return writeEntryBody(writer, entry).bytes(entry.signature);
}

export function writeHead(writer: ByteWriter, head: Head): ByteWriter {
  return writeHeadBody(writer, head).bytes(head.signature);
}

function writeEntryBody(writer: ByteWriter, entry: Omit<Entry, 'signature'>): ByteWriter {
  writer.varint(entry.seq).varint(entry.stamp).text(entry.domain).text(entry.key);
  if (entry.value === undefined) writer.varint(0);
  else writer.varint(1).bytes(entry.value);
  return writer.bytes(entry.extra);
}

function writeHeadBody(writer: ByteWriter, head: Omit<Head, 'signature'>): ByteWriter {
  writer.text(head.owner).varint(head.upto).varint(head.stamp);
  return writer.raw(head.liveHash).bytes(head.extra);
}

/** Sets the reader's `failed` where there is no entry within the limits. */
export function readEntry(reader: ByteReader, owner: PeerId): Entry {
  const seq = reader.varint(NUMBER_MAX);
  const stamp = reader.varint(NUMBER_MAX);
  const domain = reader.text(SIZES.domain);
  const key = reader.text(SIZES.key);
  const value = reader.varint(1) === 1 ? reader.bytes(SIZES.value) : undefined;
  const extra = reader.bytes(SIZES.extra);
  const signature = reader.bytes(SIZES.signature);
  if (domain === '' || domain.includes('\0') || seq === 0) reader.fail();
  return { owner, seq, stamp, domain, key, value, extra, signature };
}

export function readHead(reader: ByteReader): Head {
  const owner = reader.text(SIZES.owner) as PeerId;
  const upto = reader.varint(NUMBER_MAX);
  const stamp = reader.varint(NUMBER_MAX);
  const liveHash = reader.raw(HASH_BYTES);
  const extra = reader.bytes(SIZES.extra);
  const signature = reader.bytes(SIZES.signature);
  if (owner === '') reader.fail();
  return { owner, upto, stamp, liveHash, extra, signature };
}

const bytesSize = (bytes: Uint8Array): number => varintSize(bytes.length) + bytes.length;

/** Bytes that `writeEntry` takes. */
export function entrySize(entry: Entry): number {
  const numbers = varintSize(entry.seq) + varintSize(entry.stamp) + 1;
  const value = entry.value === undefined ? 0 : bytesSize(entry.value);
  const texts = textSize(entry.domain) + textSize(entry.key);
  return numbers + texts + value + bytesSize(entry.extra) + bytesSize(entry.signature);
}

/** Bytes that `writeHead` takes. */
export function headSize(head: Head): number {
  const numbers = varintSize(head.upto) + varintSize(head.stamp);
  return (
    textSize(head.owner) + numbers + head.liveHash.length + bytesSize(head.extra) + bytesSize(head.signature)
  );
}
