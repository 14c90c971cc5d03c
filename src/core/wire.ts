import type { PeerId } from './address.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { readEntry, readHead, writeEntry, writeHead } from './replica/encoding.ts';
import { type Delta, type Digest, type Entry, NUMBER_MAX, type Standing } from './replica/fact.ts';
import { cut, deltaSize } from './replica/offer.ts';

/** Written into every message. Counts up when a message changes in a way that older routers can't read. */
export const PROTOCOL_VERSION = 1;

/** What routers say to one another. */
export type Message =
  /** What I have; with `wantReply`, tell me in turn what you have. */
  | { readonly kind: 'digest'; readonly heads: Digest; readonly wantReply: boolean }
  /** News; with `reply`, all that a digest showed to be missing, possibly nothing. */
  | { readonly kind: 'deltas'; readonly deltas: readonly Delta[]; readonly reply: boolean }
  /** I live; `fingerprint` tells in one number what I have, `boot` which start of this router it is. */
  | { readonly kind: 'heartbeat'; readonly fingerprint: number; readonly boot: string }
  /** I am going; no need to wait for silence. */
  | { readonly kind: 'goodbye' }
  /** Something that a later version says. */
  | { readonly kind: 'unknown'; readonly version: number; readonly code: number; readonly bytes: Uint8Array };

const CODES = { digest: 1, deltas: 2, heartbeat: 3, goodbye: 4 } as const;

/** What a message takes beside its deltas, at most. */
const ENVELOPE_BYTES = 32;
const BOOT_BYTES = 64;

export function encodeMessage(message: Message): Uint8Array {
  if (message.kind === 'unknown') {
    return new ByteWriter().varint(message.version).varint(message.code).raw(message.bytes).finish();
  }
  const writer = new ByteWriter().varint(PROTOCOL_VERSION).varint(CODES[message.kind]);
  if (message.kind === 'digest') {
    writer.varint(message.wantReply ? 1 : 0).varint(message.heads.length);
    for (const standing of message.heads) writeStanding(writer, standing);
  } else if (message.kind === 'deltas') {
    writer.varint(message.reply ? 1 : 0).varint(message.deltas.length);
    for (const delta of message.deltas) writeDelta(writer, delta);
  } else if (message.kind === 'heartbeat') {
    writer.varint(message.fingerprint).text(message.boot);
  }
  return writer.finish();
}

/** The message in `bytes`, or undefined where there is none. Never throws; time and memory grow with the bytes only. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  const reader = new ByteReader(bytes);
  const version = reader.varint();
  const code = reader.varint();
  const message = readBody(reader, version, code, bytes.length);
  // What a later version added behind the fields that we know is left alone.
  const isRead = version > PROTOCOL_VERSION ? !reader.failed : reader.done;
  return isRead && version > 0 ? message : undefined;
}

function readBody(reader: ByteReader, version: number, code: number, length: number): Message {
  switch (code) {
    case CODES.digest: {
      const wantReply = reader.varint(1) === 1;
      return { kind: 'digest', wantReply, heads: readMany(reader, length, readStanding) };
    }
    case CODES.deltas: {
      const reply = reader.varint(1) === 1;
      return { kind: 'deltas', reply, deltas: readMany(reader, length, source => readDelta(source, length)) };
    }
    case CODES.heartbeat:
      return { kind: 'heartbeat', fingerprint: reader.varint(), boot: reader.text(BOOT_BYTES) };
    case CODES.goodbye:
      return { kind: 'goodbye' };
    default:
      return { kind: 'unknown', version, code, bytes: reader.rest() };
  }
}

/** Nothing takes less than a byte: a count above what is there is a lie. */
function readMany<Item>(
  reader: ByteReader,
  limit: number,
  read: (reader: ByteReader) => Item,
): readonly Item[] {
  const count = reader.varint(limit);
  const items: Item[] = [];
  while (items.length < count && !reader.failed) items.push(read(reader));
  return items;
}

function writeStanding(writer: ByteWriter, standing: Standing): void {
  writeHead(writer, standing).varint(standing.through);
  if (standing.stage === undefined) writer.varint(0);
  else writer.varint(1).varint(standing.stage.through).varint(standing.stage.upto);
}

function readStanding(reader: ByteReader): Standing {
  const head = readHead(reader);
  const through = reader.varint(NUMBER_MAX);
  const hasStage = reader.varint(1) === 1;
  const stage = hasStage
    ? { through: reader.varint(NUMBER_MAX), upto: reader.varint(NUMBER_MAX) }
    : undefined;
  return { ...head, through, stage };
}

function writeDelta(writer: ByteWriter, { head, after, through, snapshot, entries }: Delta): void {
  writeHead(writer, head).varint(after).varint(through);
  writer.varint(snapshot ? 1 : 0).varint(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
}

function readDelta(reader: ByteReader, length: number): Delta {
  const head = readHead(reader);
  const after = reader.varint(NUMBER_MAX);
  const through = reader.varint(NUMBER_MAX);
  const snapshot = reader.varint(1) === 1;
  const owner: PeerId = head.owner;
  const entries: readonly Entry[] = readMany(reader, length, source => readEntry(source, owner));
  return { head, after, through, snapshot, entries };
}

/**
 * Packs deltas into messages of at most `limit` bytes each, cutting those that are larger. `limit` must have room for
 * one entry of the largest size.
 */
export function splitDeltas(deltas: readonly Delta[], limit: number): readonly (readonly Delta[])[] {
  const parts: Delta[][] = [];
  let part: Delta[] = [];
  let room = 0;
  for (const delta of deltas) {
    for (let rest: Delta | undefined = delta; rest !== undefined; ) {
      const [piece, more]: readonly [Delta, Delta | undefined] = cut(rest, room);
      const size = deltaSize(piece);
      if (size <= room && (more === undefined || piece.entries.length > 0)) {
        part.push(piece);
        room -= size;
        rest = more;
      } else {
        if (part.length === 0 && parts.length > 0) throw new RangeError(`no entry fits into ${limit} bytes`);
        part = [];
        parts.push(part);
        room = limit - ENVELOPE_BYTES;
      }
    }
  }
  return parts;
}
