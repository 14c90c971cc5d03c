import { CLASS, FLAG, HEADER, RCODE, type Rcode, TYPE } from './message.ts';

/** What EDNS adds to a question (RFC 6891). */
export interface Edns {
  readonly version: number;
  /** The largest datagram that who asks can take. */
  readonly size: number;
  /** Whether who asks wants DNSSEC records. */
  readonly wantsSecurity: boolean;
}

export interface Question {
  /** The name as in the message, labels behind their lengths, in lower case; one character a byte. */
  readonly key: string;
  readonly type: number;
  /** Where the question section ends. */
  readonly end: number;
  readonly edns: Edns | undefined;
}

/** What a message is: a question, one that can't be answered (with the code that says why), or none at all. */
export type Reading = Question | Rcode | undefined;

const LONGEST_NAME = 255;
const LONGEST_LABEL = 63;
const QUESTION_TAIL = 4;
/** Type, class, TTL and length of a record. */
const RECORD_HEAD = 10;
/** OPT and a signature. */
const MOST_ADDITIONAL = 2;
const OPCODE = 0x7800;

/**
 * Reads a question by hand, before any library sees it: what the header claims must be there and nothing else, and
 * a name has no pointers, so that reading takes one pass. A datagram of 107 bytes can stand for 50,000 records otherwise.
 */
export function readQuestion(bytes: Buffer): Reading {
  if (bytes.length < HEADER) return undefined;
  const flags = (bytes[2]! << 8) | bytes[3]!;
  if ((flags & FLAG.response) !== 0) return undefined;
  if ((flags & OPCODE) !== 0) return RCODE.notImplemented;
  // One question, no answers, no authorities.
  if (bytes[4] !== 0 || bytes[5] !== 1 || (bytes[6]! | bytes[7]! | bytes[8]! | bytes[9]!) !== 0)
    return RCODE.malformed;
  const additional = (bytes[10]! << 8) | bytes[11]!;
  if (additional > MOST_ADDITIONAL) return RCODE.malformed;

  let at = HEADER;
  let hasUpperCase = false;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > LONGEST_LABEL) return RCODE.malformed;
    at += 1;
    if (length === 0) break;
    const end = at + length;
    if (end - HEADER >= LONGEST_NAME || end >= bytes.length) return RCODE.malformed;
    for (; at < end; at += 1) {
      const byte = bytes[at]!;
      if (byte >= 0x41 && byte <= 0x5a) hasUpperCase = true;
    }
  }
  const end = at + QUESTION_TAIL;
  if (end > bytes.length) return RCODE.malformed;
  const type = (bytes[at]! << 8) | bytes[at + 1]!;
  const klass = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  const edns = additional === 0 ? undefined : readAdditional(bytes, end, additional);
  if (edns === RCODE.malformed || (additional === 0 && bytes.length !== end)) return RCODE.malformed;
  if (klass !== CLASS.internet && klass !== CLASS.any) return RCODE.refused;
  const name = bytes.toString('latin1', HEADER, at);
  return { key: hasUpperCase ? lowerCase(name) : name, type, end, edns };
}

/** Of the records behind the question: what the OPT record says. They must fill the rest of the message. */
function readAdditional(
  bytes: Buffer,
  from: number,
  count: number,
): Edns | undefined | typeof RCODE.malformed {
  let edns: Edns | undefined;
  let at = from;
  for (let read = 0; read < count; read += 1) {
    const name = skipName(bytes, at);
    if (name === undefined || name + RECORD_HEAD > bytes.length) return RCODE.malformed;
    if (bytes.readUInt16BE(name) === TYPE.opt) {
      // Only one, and its name is the root.
      if (edns !== undefined || name !== at + 1) return RCODE.malformed;
      edns = {
        size: bytes.readUInt16BE(name + 2),
        version: bytes[name + 5]!,
        wantsSecurity: (bytes[name + 6]! & 0x80) !== 0,
      };
    }
    at = name + RECORD_HEAD + bytes.readUInt16BE(name + 8);
  }
  return at === bytes.length ? edns : RCODE.malformed;
}

/** Where a name without pointers ends. */
function skipName(bytes: Buffer, from: number): number | undefined {
  let at = from;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > LONGEST_LABEL || at - from >= LONGEST_NAME) return undefined;
    at += 1 + length;
    if (length === 0) return at;
  }
}

/** Of letters alone, and only those of ASCII (RFC 4343); a length is never one of their codes. */
function lowerCase(name: string): string {
  return name.replace(/[A-Z]+/g, letters => letters.toLowerCase());
}
