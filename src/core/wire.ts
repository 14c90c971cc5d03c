import type { PeerId } from './address.ts';
import { type ByteReader, type ByteWriter, createReader, createWriter } from './bytes.ts';
import { type Delta, type Entry, entryBytes, type Head } from './replica/entry.ts';

/** Routers of another version refuse nothing of this that they can read: new kinds and domains are handed on. */
export const PROTOCOL_VERSION = 1;

export type Message =
  /** What the sender holds completely. `wantReply`: the sender wants to learn what it lacks. */
  | { readonly kind: 'digest'; readonly heads: readonly Head[]; readonly wantReply: boolean }
  /** `reply`: answers a digest, if only with nothing; else it is gossip. */
  | { readonly kind: 'deltas'; readonly deltas: readonly Delta[]; readonly reply: boolean }
  | { readonly kind: 'heartbeat'; readonly fingerprint: number; readonly boot: string }
  /** Of a later version: for others to understand. */
  | { readonly kind: 'unknown' };

const KINDS = { digest: 1, deltas: 2, heartbeat: 3 } as const;
const SIGNATURE_MAX = 128;
const OWNER_MAX = 128;

export function encodeMessage(message: Exclude<Message, { kind: 'unknown' }>): Uint8Array {
  const writer = createWriter().number(PROTOCOL_VERSION).number(KINDS[message.kind]);
  switch (message.kind) {
    case 'digest':
      writer.number(message.wantReply ? 1 : 0).number(message.heads.length);
      for (const head of message.heads) writeHead(writer, head);
      break;
    case 'deltas':
      writer.number(message.reply ? 1 : 0).number(message.deltas.length);
      for (const delta of message.deltas) writeDelta(writer, delta);
      break;
    case 'heartbeat':
      writer.number(message.fingerprint).text(message.boot);
  }
  return writer.finish();
}

/** The message in `bytes`, or undefined where they hold none. Never throws, and takes time linear in their length. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  const reader = createReader(bytes);
  const version = reader.number();
  const kind = reader.number();
  if (reader.failed || version < 1) return undefined;
  const message = readBody(reader, kind);
  // A later version may have added fields at the end.
  return reader.failed || (version <= PROTOCOL_VERSION && message.kind !== 'unknown' && !reader.complete())
    ? undefined
    : message;
}

function readBody(reader: ByteReader, kind: number): Message {
  switch (kind) {
    case KINDS.digest: {
      const wantReply = reader.number() === 1;
      return { kind: 'digest', wantReply, heads: many(reader, 40, readHead) };
    }
    case KINDS.deltas: {
      const reply = reader.number() === 1;
      return { kind: 'deltas', reply, deltas: many(reader, 40, readDelta) };
    }
    case KINDS.heartbeat:
      return { kind: 'heartbeat', fingerprint: reader.number(), boot: reader.text(64) };
    default:
      return { kind: 'unknown' };
  }
}

function many<Item>(reader: ByteReader, size: number, read: (reader: ByteReader) => Item): Item[] {
  const items: Item[] = [];
  for (let left = reader.count(size); left > 0 && !reader.failed; left -= 1) items.push(read(reader));
  return items;
}

function writeHead(writer: ByteWriter, head: Head): void {
  writer.text(head.owner).number(head.upto).number(head.stamp).bytes(head.liveHash).bytes(head.signature);
}

function readHead(reader: ByteReader): Head {
  const owner = reader.text(OWNER_MAX) as PeerId;
  return {
    owner,
    upto: reader.number(),
    stamp: reader.number(),
    liveHash: hash(reader),
    signature: copy(reader),
  };
}

function hash(reader: ByteReader): Uint8Array {
  const bytes = reader.bytes(32).slice();
  return bytes.length === 32 ? bytes : new Uint8Array(32);
}

const copy = (reader: ByteReader): Uint8Array => reader.bytes(SIGNATURE_MAX).slice();

export function writeDelta(writer: ByteWriter, delta: Delta): void {
  writeHead(writer, delta.head);
  writer.number(delta.after).number(delta.complete).number(delta.entries.length);
  for (const entry of delta.entries) {
    writer.number(entry.seq).number(entry.stamp).text(entry.domain).text(entry.key);
    writer.number(entry.value === undefined ? 0 : 1);
    if (entry.value !== undefined) writer.bytes(entry.value);
    writer.bytes(entry.signature);
  }
}

function readDelta(reader: ByteReader): Delta {
  const head = readHead(reader);
  const after = reader.number();
  const complete = reader.number();
  return { head, after, complete, entries: many(reader, 6, inner => readEntry(inner, head.owner)) };
}

function readEntry(reader: ByteReader, owner: PeerId): Entry {
  const [seq, stamp, domain, key] = [reader.number(), reader.number(), reader.text(64), reader.text(1_024)];
  const value = reader.number() === 1 ? reader.bytes(64 * 1024).slice() : undefined;
  return { owner, seq, stamp, domain, key, value, signature: copy(reader) };
}

/** One delta for the store. */
export function encodeDelta(delta: Delta): Uint8Array {
  const writer = createWriter().number(PROTOCOL_VERSION);
  writeDelta(writer, delta);
  return writer.finish();
}

export function decodeDelta(bytes: Uint8Array): Delta | undefined {
  const reader = createReader(bytes);
  if (reader.number() !== PROTOCOL_VERSION) return undefined;
  const delta = readDelta(reader);
  return reader.complete() ? delta : undefined;
}

/** The same deltas in messages of at most about `limit` bytes; one that is larger by itself is cut. */
export function splitDeltas(deltas: readonly Delta[], limit: number): readonly (readonly Delta[])[] {
  const parts: Delta[][] = [];
  let room = 0;
  for (const piece of deltas.flatMap(delta => cut(delta, limit))) {
    const size = lengthOf(piece);
    if (size > room || parts.length === 0) {
      parts.push([]);
      room = limit;
    }
    parts[parts.length - 1]!.push(piece);
    room -= size;
  }
  return parts;
}

const HEAD_BYTES = 256;
const lengthOf = (delta: Delta): number =>
  delta.entries.reduce((sum, entry) => sum + entryLength(entry), HEAD_BYTES);
const entryLength = (entry: Entry): number => entryBytes(entry).length + SIGNATURE_MAX;

/** Cuts a delta where it is too long. Never a snapshot: it replaces, and a part of one must not. */
function cut(delta: Delta, limit: number): readonly Delta[] {
  if (delta.after === 0 || delta.entries.length < 2 || lengthOf(delta) <= limit) return [delta];
  const middle = Math.floor(delta.entries.length / 2);
  const seq = delta.entries[middle - 1]!.seq;
  const first = { ...delta, complete: seq, entries: delta.entries.slice(0, middle) };
  return [
    ...cut(first, limit),
    ...cut({ ...delta, after: seq, entries: delta.entries.slice(middle) }, limit),
  ];
}
