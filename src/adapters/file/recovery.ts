import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ok, type Result, refuse } from '../../core/errors.ts';
import {
  applyBatch,
  decodeFrame,
  decodeHeader,
  type FileKind,
  FORMAT_VERSION,
  type Frame,
  HEADER_BYTES,
} from './codec.ts';
import { fileProblem } from './problems.ts';

/**
 * A state directory holds generations. Generation N is `N.snapshot` (all batches before `N.journal`) and `N.journal`
 * (what came after it); generation 1 has no snapshot: it begins empty. The one before the newest is kept, with its
 * journal, so that a damaged snapshot costs nothing: the older one and all journals since give the same state.
 */
export interface Recovered {
  readonly records: Map<string, Uint8Array>;
  /** Number of the last batch in `records`; 0: none. */
  readonly sequence: number;
  /** The generation whose snapshot was good: what is older may go. */
  readonly base: number;
  /** The newest generation; its journal is gone on with. */
  readonly generation: number;
  /** Where the next frame in that journal belongs, 0 if it is to be made; and how far it holds anything but zeros. */
  readonly end: number;
  readonly dirtyTo: number;
  readonly size: number;
  /** A sentence for each thing that was not as it should be. */
  readonly notes: readonly string[];
}

type Files = Readonly<Record<FileKind, ReadonlyMap<number, Buffer>>>;

export const fileName = (generation: number, kind: FileKind): string =>
  `${generation}.${kind === 'snap' ? 'snapshot' : 'journal'}`;

/** The generation and kind of a file of a state directory, or undefined for one that is not ours. */
export function parseFileName(name: string): { generation: number; kind: FileKind } | undefined {
  const match = /^([1-9]\d{0,14})\.(snapshot|journal)$/.exec(name);
  if (match === null) return undefined;
  return { generation: Number(match[1]), kind: match[2] === 'snapshot' ? 'snap' : 'jrnl' };
}

/** Reads a state directory and changes nothing in it. Refuses with `state-newer`, `state-damaged`, `state-unwritable`. */
export async function recover(directory: string): Promise<Result<Recovered>> {
  let files: Files;
  try {
    files = await readFiles(directory);
  } catch (error) {
    return refuse(fileProblem(error, directory));
  }
  const version = newestVersion(files);
  if (version > FORMAT_VERSION) {
    return refuse({ code: 'state-newer', path: directory, version, known: FORMAT_VERSION });
  }
  const notes: string[] = [];
  const start = findBase(files, notes);
  if (start === undefined) return refuse({ code: 'state-damaged', path: directory, why: notes.join('; ') });
  return ok(replay(files, start, notes));
}

async function readFiles(directory: string): Promise<Files> {
  const files = { snap: new Map<number, Buffer>(), jrnl: new Map<number, Buffer>() };
  for (const name of await readdir(directory)) {
    const parsed = parseFileName(name);
    if (parsed !== undefined)
      files[parsed.kind].set(parsed.generation, await readFile(join(directory, name)));
  }
  return files;
}

function newestVersion(files: Files): number {
  const versions = (['snap', 'jrnl'] as const).flatMap(kind =>
    [...files[kind].values()].map(bytes => decodeHeader(bytes, kind) ?? 0),
  );
  return Math.max(0, ...versions);
}

interface Base {
  readonly generation: number;
  readonly sequence: number;
  readonly records: Map<string, Uint8Array>;
}

/** The newest good snapshot, or the empty beginning where its journal is still there or nothing is at all. */
function findBase(files: Files, notes: string[]): Base | undefined {
  for (const generation of [...files.snap.keys()].sort((a, b) => b - a)) {
    const snapshot = readSnapshot(files.snap.get(generation)!);
    if (snapshot !== undefined) return { generation, ...snapshot };
    notes.push(`${fileName(generation, 'snap')} is damaged`);
  }
  const fresh = files.snap.size === 0 && files.jrnl.size === 0;
  if (fresh || files.jrnl.has(1)) return { generation: 1, sequence: 0, records: new Map() };
  notes.push('there is no older one');
  return undefined;
}

function readSnapshot(bytes: Buffer): Omit<Base, 'generation'> | undefined {
  if (decodeHeader(bytes, 'snap') === undefined) return undefined;
  const records = new Map<string, Uint8Array>();
  let frame = decodeFrame(bytes, HEADER_BYTES);
  while (frame !== undefined && frame.end < bytes.length) {
    applyBatch(frame.body, records);
    const next = decodeFrame(bytes, frame.end);
    if (next?.sequence !== frame.sequence) return undefined;
    frame = next;
  }
  if (frame?.body.length !== 4 || frame.body.readUInt32LE(0) !== records.size) return undefined;
  return { sequence: frame.sequence, records };
}

/** Carries out the journals from the base on: every batch that follows the one before, and no other. */
function replay(files: Files, base: Base, notes: string[]): Recovered {
  const generations = [...files.jrnl.keys()].filter(generation => generation >= base.generation);
  const newest = Math.max(base.generation, ...generations, ...files.snap.keys());
  let sequence = base.sequence;
  let tail = { end: 0, dirtyTo: 0, size: 0 };
  for (const generation of generations.sort((a, b) => a - b)) {
    const bytes = files.jrnl.get(generation)!;
    const name = fileName(generation, 'jrnl');
    // The frames vouch for themselves: a damaged header alone loses none of them.
    if (decodeHeader(bytes, 'jrnl') === undefined) notes.push(`the header of ${name} is damaged`);
    let end = HEADER_BYTES;
    for (let frame = follow(bytes, end, sequence); frame; frame = follow(bytes, end, sequence)) {
      applyBatch(frame.body, base.records);
      ({ sequence, end } = frame);
    }
    const dirtyTo = lastNonZero(bytes, end);
    if (dirtyTo > end) notes.push(`${dirtyTo - end} bytes after batch ${sequence} in ${name} were dropped`);
    if (generation === newest) tail = { end, dirtyTo, size: bytes.length };
  }
  if (tail.end === 0 && files.snap.size > 0) notes.push(`${fileName(newest, 'jrnl')} is missing`);
  return { records: base.records, sequence, base: base.generation, generation: newest, ...tail, notes };
}

function follow(bytes: Buffer, offset: number, sequence: number): Frame | undefined {
  const frame = decodeFrame(bytes, offset);
  return frame?.sequence === sequence + 1 ? frame : undefined;
}

const ZEROS = Buffer.alloc(64 * 1024);

/** The offset behind the last byte that is not zero, at least `from`. */
function lastNonZero(bytes: Buffer, from: number): number {
  let end = bytes.length;
  while (end > from) {
    const start = Math.max(from, end - ZEROS.length);
    if (!bytes.subarray(start, end).equals(ZEROS.subarray(0, end - start))) break;
    end = start;
  }
  while (end > from && bytes[end - 1] === 0) end -= 1;
  return end;
}
