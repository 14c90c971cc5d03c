import type { PeerId } from '../address.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';
import { readEntry, readHead, writeEntry, writeHead } from './encoding.ts';
import type { Entry, Head } from './fact.ts';
import { encodeStored } from './storage.ts';

/** The own facts in the store: a record each, so that a write costs what it changes, however much there is. */

export function encodeHeadRecord(head: Head): Uint8Array {
  return writeHead(new ByteWriter(), head).finish();
}

export function encodeEntryRecord(entry: Entry): Uint8Array {
  return writeEntry(new ByteWriter(), entry).finish();
}

/** Puts the records of `owner` together as `Replica.restore` takes them; undefined where one can't be read. */
export function joinRecords(
  owner: PeerId,
  head: Uint8Array,
  records: readonly Uint8Array[],
): Uint8Array | undefined {
  const source = new ByteReader(head);
  const read = readHead(source);
  const entries: Entry[] = [];
  for (const record of records) {
    const reader = new ByteReader(record);
    entries.push(readEntry(reader, owner));
    if (!reader.done) return undefined;
  }
  if (!source.done) return undefined;
  entries.sort((a, b) => a.seq - b.seq);
  // Deletions are not stored: who is behind the head gets a snapshot.
  return encodeStored({ head: read, floor: read.upto, entries });
}
