import { encodeBatch, encodeFrame, encodeHeader, recordBytes } from './codec.ts';
import { replaceFile, writeAll } from './durable.ts';

/** Records are encoded this much at a time, so that the event loop is never held for long. */
const CHUNK_BYTES = 64 * 1024;

/** Writes all of `records`, which must not change meanwhile, as the state after batch `sequence`. */
export async function writeSnapshot(
  path: string,
  sequence: number,
  records: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await replaceFile(path, async file => {
    let position = 0;
    const append = async (bytes: Buffer): Promise<void> => {
      await writeAll(file, bytes, position);
      position += bytes.length;
    };
    await append(encodeHeader('snap'));
    for (const chunk of chunks(records)) await append(encodeFrame(sequence, encodeBatch(chunk)));
    const count = Buffer.alloc(4);
    count.writeUInt32LE(records.size);
    await append(encodeFrame(sequence, count));
  });
}

function* chunks(records: ReadonlyMap<string, Uint8Array>): Generator<Map<string, Uint8Array>> {
  let chunk = new Map<string, Uint8Array>();
  let bytes = 0;
  for (const [key, value] of records) {
    chunk.set(key, value);
    bytes += recordBytes(key, value);
    if (bytes < CHUNK_BYTES) continue;
    yield chunk;
    chunk = new Map();
    bytes = 0;
  }
  if (chunk.size > 0) yield chunk;
}

/** What a snapshot of `records` takes, headers left aside. */
export function snapshotBytes(records: ReadonlyMap<string, Uint8Array>): number {
  let bytes = 0;
  for (const [key, value] of records) bytes += recordBytes(key, value);
  return bytes;
}
