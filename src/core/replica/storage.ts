import { ByteReader, ByteWriter } from '../bytes.ts';
import { readEntry, readHead, writeEntry, writeHead } from './encoding.ts';
import { type Entry, type Head, NUMBER_MAX } from './fact.ts';
import type { Ledger } from './ledger.ts';

const FORMAT = 1;

/** One owner's set as bytes for the store. */
export function encodeLedger(ledger: Ledger): Uint8Array {
  const entries = ledger.since(0, true);
  const writer = writeHead(new ByteWriter().varint(FORMAT), ledger.head);
  writer.varint(ledger.floor).varint(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.finish();
}

/** What `encodeLedger` wrote, or undefined for any other bytes. Nothing is verified. */
export function decodeLedger(
  bytes: Uint8Array,
): { readonly head: Head; readonly floor: number; readonly entries: readonly Entry[] } | undefined {
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
