import { ECHOED_FLAGS, FLAG, HEADER, LARGEST_UDP, PLAIN_UDP, RCODE, type Rcode, TYPE } from './message.ts';
import type { Edns, Question } from './question.ts';
import type { Entry, NameTable } from './table.ts';

/** Answers, written straight into the buffer that is sent. Each gives its length. */

const OPT_LENGTH = 11;
const OURS = FLAG.response | FLAG.recursionAvailable;
/** In a record of one address: where that is, from its end. */
const ADDRESS = 4;
const POINTER = 0xc000;

/** The largest answer over UDP that who asks can take. */
export function datagramLimit(edns: Edns | undefined): number {
  return edns === undefined ? PLAIN_UDP : Math.min(Math.max(edns.size, PLAIN_UDP), LARGEST_UDP);
}

/**
 * Answers from the table; undefined where the question is not about names of ours. One label alone (`box1`) is meant as
 * a name of the zone, as many resolvers ask before they add the zone: it goes nowhere else.
 */
export function answerFrom(
  table: NameTable,
  query: Buffer,
  question: Question,
  limit: number,
  into: Buffer,
): number | undefined {
  const { key, type } = question;
  const entry = table.get(key);
  if (entry !== undefined) {
    if ((type === entry.type || type === TYPE.any) && entry.count > 0)
      return writeRecords(query, question, entry, limit, into);
    return writeNothing(query, question, RCODE.ok, entry.zoned ? table : undefined, limit, into);
  }
  if (table.isZoned(key)) return writeNothing(query, question, RCODE.noSuchName, table, limit, into);
  const isUnqualified = key.length > 1 && key.charCodeAt(0) + 2 === key.length;
  if (isUnqualified && (type === TYPE.a || type === TYPE.aaaa))
    return writeNothing(query, question, RCODE.noSuchName, undefined, limit, into);
  return undefined;
}

/** All records in any order; where they are too many, as many as fit, and the sign that there are more. */
function writeRecords(query: Buffer, question: Question, entry: Entry, limit: number, into: Buffer): number {
  const { records, count } = entry;
  const stride = records.length / count;
  const room = limit - question.end - (question.edns === undefined ? 0 : OPT_LENGTH);
  const fitting = Math.min(count, Math.floor(room / stride));
  if (count > 1) shuffle(records, count, stride);
  const at = writeHead(
    query,
    question,
    FLAG.authoritative | (fitting < count ? FLAG.truncated : 0),
    RCODE.ok,
    into,
  );
  into.writeUInt16BE(fitting, 6);
  if (fitting < count) into.set(records.subarray(0, fitting * stride), at);
  else into.set(records, at);
  return writeOpt(question.edns, RCODE.ok, at + fitting * stride, into);
}

/** Records of one name differ in their address alone. */
function shuffle(records: Buffer, count: number, stride: number): void {
  for (let last = count; last > 1; last -= 1) {
    const [a, b] = [last * stride - ADDRESS, Math.floor(Math.random() * last + 1) * stride - ADDRESS];
    const address = records.readUInt32BE(a);
    records.writeUInt32BE(records.readUInt32BE(b), a);
    records.writeUInt32BE(address, b);
  }
}

/** No records: with the SOA record of the zone, whose name the question ends with (RFC 2308). */
function writeNothing(
  query: Buffer,
  question: Question,
  rcode: Rcode,
  zone: NameTable | undefined,
  limit: number,
  into: Buffer,
): number {
  let at = writeHead(query, question, FLAG.authoritative, rcode, into);
  const optLength = question.edns === undefined ? 0 : OPT_LENGTH;
  if (zone !== undefined && at + zone.authority.length + optLength <= limit) {
    into.set(zone.authority, at);
    into.writeUInt16BE(POINTER | (HEADER + question.key.length - zone.zoneLength), at);
    into[9] = 1;
    at += zone.authority.length;
  }
  return writeOpt(question.edns, rcode, at, into);
}

/** The answer to what can't be answered: a header, and the question where it could be read. Never longer than that. */
export function writeRefusal(
  query: Buffer,
  question: Question | undefined,
  rcode: Rcode,
  into: Buffer,
): number {
  if (question !== undefined)
    return writeOpt(question.edns, rcode, writeHead(query, question, 0, rcode, into), into);
  into.fill(0, 0, HEADER);
  writeFlags(query, 0, rcode, into);
  return HEADER;
}

/** Header and question, as it was asked; gives where the records begin. */
function writeHead(query: Buffer, question: Question, flags: number, rcode: Rcode, into: Buffer): number {
  query.copy(into, 0, 0, question.end);
  writeFlags(query, flags, rcode, into);
  into.fill(0, 6, HEADER);
  return question.end;
}

function writeFlags(query: Buffer, flags: number, rcode: Rcode, into: Buffer): void {
  into[0] = query[0]!;
  into[1] = query[1]!;
  const all = OURS | flags | (((query[2]! << 8) | query[3]!) & ECHOED_FLAGS) | (rcode & 15);
  into[2] = all >>> 8;
  into[3] = all & 255;
}

function writeOpt(edns: Edns | undefined, rcode: Rcode, at: number, into: Buffer): number {
  if (edns === undefined) return at;
  into[11] = 1;
  into.fill(0, at, at + OPT_LENGTH);
  into.writeUInt16BE(TYPE.opt, at + 1);
  into.writeUInt16BE(LARGEST_UDP, at + 3);
  into[at + 5] = rcode >>> 4;
  into[at + 7] = edns.wantsSecurity ? 0x80 : 0;
  return at + OPT_LENGTH;
}
