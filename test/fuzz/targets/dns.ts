import { type Answer, encode } from 'dns-packet';
import fc from 'fast-check';
import { answerFrom, datagramLimit, writeRefusal } from '../../../src/api/dns/answer.ts';
import { Frames, LARGEST_MESSAGE } from '../../../src/api/dns/frames.ts';
import { LARGEST_UDP, RCODE } from '../../../src/api/dns/message.ts';
import { readQuestion } from '../../../src/api/dns/question.ts';
import { NameTable } from '../../../src/api/dns/table.ts';
import type { Ipv4 } from '../../../src/core/address.ts';
import { insist, type Target } from '../target.ts';

const table = new NameTable('mesh.internal', 1);
const addresses = Array.from({ length: 200 }, (_, index) => `10.32.0.${index + 1}` as Ipv4);
table.publish([
  { name: 'web', addresses },
  { name: 'db.prod', addresses: addresses.slice(0, 1) },
]);
const into = Buffer.alloc(LARGEST_MESSAGE);
/** Who is not known gets no more than that many times what was sent. */
const AMPLIFICATION = 3;

const name = fc.constantFrom(
  ...['web.mesh.internal', 'WEB', 'db.prod.mesh.internal', 'prod.mesh.internal', 'none.mesh.internal'],
  ...['1.0.32.10.in-addr.arpa', 'example.org', '.', 'a'.repeat(63)],
);
const type = fc.constantFrom('A', 'AAAA', 'PTR', 'ANY', 'SOA', 'MX');
const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0 } as unknown as Answer;

export const dns: Target = {
  what: 'questions to the DNS server, and messages cut out of a stream',
  structured: fc
    .record({ name, type, id: fc.nat(0xffff), edns: fc.boolean(), framed: fc.boolean() })
    .map(asked => {
      const question = { name: asked.name, type: asked.type as Answer['type'] };
      const packet = { type: 'query', id: asked.id, flags: 0x100, questions: [question] } as const;
      const bytes = encode({ ...packet, ...(asked.edns && { additionals: [opt] }) } as never);
      return asked.framed ? Buffer.concat([Buffer.from([0, bytes.length]), bytes]) : bytes;
    }),
  slowMs: 5,
  read(bytes) {
    answer(Buffer.from(bytes));
    for (const message of new Frames().take(Buffer.from(bytes))) answer(message);
  },
};

function answer(query: Buffer): void {
  const question = readQuestion(query);
  if (question === undefined) return;
  if (typeof question === 'number') {
    insist(writeRefusal(query, undefined, question, into) <= query.length, 'what is malformed gets a header');
    return;
  }
  const refused = writeRefusal(query, question, RCODE.refused, into);
  insist(refused <= AMPLIFICATION * query.length, 'who is unknown gets a short answer');
  const limit = datagramLimit(question.edns);
  insist(limit <= LARGEST_UDP, 'a datagram has a bound');
  const length = answerFrom(table, query, question, limit, into) ?? 0;
  insist(length <= Math.max(limit, question.end + 11), 'an answer keeps to what who asks can take');
  if (length > 0)
    insist(into.readUInt16BE(0) === query.readUInt16BE(0), 'an answer has the number of its question');
}
