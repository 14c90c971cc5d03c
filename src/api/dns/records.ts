import { type Answer, encode } from 'dns-packet';
import { HEADER } from './message.ts';

/** Bytes of names and records, made once, when a name changes. */

const LONGEST_NAME = 255;
const LONGEST_LABEL = 63;

/** A pointer to the name of the question, which is the first thing behind the header. */
const POINTER = [0xc0, HEADER] as const;

/** Whether a name, with dots between its labels, fits into a message. The root does. */
export function isName(name: string): boolean {
  const labels = name === '' ? [] : name.split('.');
  const length = labels.reduce((sum, label) => sum + 1 + Buffer.byteLength(label), 1);
  return length <= LONGEST_NAME && labels.every(isLabel);
}

function isLabel(label: string): boolean {
  const length = Buffer.byteLength(label);
  return length > 0 && length <= LONGEST_LABEL;
}

/** The form that a name has in a message, one character a byte. */
export function keyOf(name: string): string {
  const type = 'A';
  return encode({ questions: [{ name, type }] })
    .subarray(HEADER, -4)
    .toString('latin1');
}

/** A record whose owner is the name of the question. */
export function recordBytes(record: Answer): Buffer {
  // The library writes the name of the root, one byte, for which the pointer comes.
  const bytes = encode({ answers: [{ ...record, name: '.' }] });
  return Buffer.concat([Buffer.from(POINTER), bytes.subarray(HEADER + 1)]);
}
