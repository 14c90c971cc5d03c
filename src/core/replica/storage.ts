import { ByteReader, ByteWriter } from '../bytes.ts';
import { readEntry, readHead, writeEntry, writeHead } from './encoding.ts';
import { type Entry, type Head, NUMBER_MAX } from './fact.ts';
import type { Ledger } from './ledger.ts';

const FORMAT = 1;

/** One owner's set: its head, where its remembered deletions begin, its entries in their order. */
interface Stored {
  readonly head: Head;
  readonly floor: number;
  readonly entries: readonly Entry[];
}

/** One owner's set as bytes for the store. */
export function encodeLedger(ledger: Ledger): Uint8Array {
  return encodeStored({ head: ledger.head, floor: ledger.floor, entries: ledger.since(0, true) });
}

export function encodeStored({ head, floor, entries }: Stored): Uint8Array {
  const writer = writeHead(new ByteWriter().varint(FORMAT), head);
  writer.varint(floor).varint(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.finish();
}

/** What `encodeStored` wrote, or undefined for any other bytes. Nothing is verified. */
export function decodeLedger(bytes: Uint8Array): Stored | undefined {
  const reader = new ByteReader(bytes);
  if (reader.varint() !== FORMAT) return undefined;
  const head = readHead(reader);
  const floor = reader.varint(NUMBER_MAX);
  // An entry takes more than one byte: a count above that is a lie.
  const count = reader.varint(bytes.length);
  const entries: Entry[] = [];
  for (let index = 0; index < count && !reader.failed; index++) entries.push(readEntry(reader, head.owner));
  return reader.done ? { head, floor, entries } : undefined;
}
