import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a version wrote, kept for later ones: `messages-1` is of protocol and formats 1. */
export const RECORDED = join(import.meta.dirname, '../fixtures/messages-1');

export const recordedBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(RECORDED, name)));

export const recordedJson = (name: string): unknown => JSON.parse(readFileSync(join(RECORDED, name), 'utf8'));

/** A decoded value as JSON has it: bytes as `hex:...`, what is undefined left out. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `hex:${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(fields.map(([name, each]) => [name, plain(each)]));
}
