import { decode } from 'dns-packet';
import { beforeEach, describe, expect, it } from 'vitest';
import { answerFrom, datagramLimit } from '../../../../src/api/dns/answer.ts';
import { readQuestion } from '../../../../src/api/dns/question.ts';
import { NameTable } from '../../../../src/api/dns/table.ts';
import type { Ipv4 } from '../../../../src/core/address.ts';
import { type Answer, type Asking, addressesIn, questionBytes } from '../../../support/dns/ask.ts';

const ZONE = 'mesh.internal';
const INTO = Buffer.alloc(65_535);

let table: NameTable;
beforeEach(() => {
  table = new NameTable(ZONE, 1);
});

function publish(name: string, ...addresses: string[]): readonly string[] {
  return table.publish([{ name, addresses: addresses as Ipv4[] }]);
}

/** Many addresses: 10.1.0.0, 10.1.0.1 ... */
const many = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `10.1.${index >> 8}.${index & 255}`);

/** What the table says, and how long that is; undefined where the question is not about names of ours. */
function ask(
  name: string,
  asking: Asking & { readonly limit?: number } = {},
): (Answer & { readonly length: number }) | undefined {
  const query = questionBytes(name, asking);
  const question = readQuestion(query);
  if (question === undefined || typeof question === 'number') throw new Error(`unread: ${question}`);
  const length = answerFrom(table, query, question, asking.limit ?? datagramLimit(question.edns), INTO);
  if (length === undefined) return undefined;
  return { ...(decode(INTO.subarray(0, length)) as Answer), length };
}

describe('a name that is known', () => {
  it('gives all its addresses, for a second', () => {
    publish('box1', '10.0.0.11', '10.0.0.12');
    const answer = ask(`box1.${ZONE}`, { id: 99 })!;
    expect(answer).toMatchObject({
      id: 99,
      type: 'response',
      rcode: 'NOERROR',
      flag_aa: true,
      flag_ra: true,
      flag_rd: true,
      flag_tc: false,
    });
    expect(answer.questions).toEqual([{ name: `box1.${ZONE}`, type: 'A', class: 'IN' }]);
    expect(answer.answers).toContainEqual({
      name: `box1.${ZONE}`,
      type: 'A',
      class: 'IN',
      flush: false,
      ttl: 1,
      data: '10.0.0.11',
    });
    expect(addressesIn(answer)).toEqual(['10.0.0.11', '10.0.0.12']);
  });

  it('is found in any case, and repeated as it was asked', () => {
    publish('seetwo.sub1', '10.0.0.11');
    const answer = ask(`SeEtWo.sub1.${ZONE.toUpperCase()}`)!;
    expect(answer.questions?.[0]?.name).toBe(`SeEtWo.sub1.${ZONE.toUpperCase()}`);
    expect(answer.answers?.[0]?.name).toBe(`SeEtWo.sub1.${ZONE.toUpperCase()}`);
  });

  it('is found by its first label alone', () => {
    publish('box1', '10.0.0.11');
    expect(addressesIn(ask('BOX1')!)).toEqual(['10.0.0.11']);
    expect(ask('box1', { type: 'AAAA' })).toMatchObject({ rcode: 'NOERROR', answers: [], authorities: [] });
  });

  it.each(['AAAA', 'MX', 'TXT', 'SRV', 'SOA'] as const)(
    'holds nothing of type %s, and says for how long',
    type => {
      publish('box1', '10.0.0.11');
      const answer = ask(`box1.${ZONE}`, { type })!;
      expect(answer).toMatchObject({ rcode: 'NOERROR', flag_aa: true, answers: [] });
      expect(answer.authorities).toMatchObject([{ name: ZONE, type: 'SOA', ttl: 1, data: { minimum: 1 } }]);
    },
  );

  it('gives its addresses to who asks for anything', () => {
    publish('box1', '10.0.0.11');
    expect(addressesIn(ask(`box1.${ZONE}`, { type: 'ANY' as never })!)).toEqual(['10.0.0.11']);
  });

  it('gives its addresses in changing order', () => {
    publish('web', ...many(5));
    const first = Array.from({ length: 200 }, () => {
      const [record] = ask(`web.${ZONE}`)!.answers!;
      return record?.type === 'A' ? record.data : '';
    });
    expect(new Set(first).size).toBe(5);
    expect(addressesIn(ask(`web.${ZONE}`)!)).toEqual(many(5));
  });
});

describe('a name that is not known', () => {
  it('is not there, in the zone, and says for how long', () => {
    const answer = ask(`nobody.${ZONE}`)!;
    expect(answer).toMatchObject({ rcode: 'NXDOMAIN', flag_aa: true, answers: [] });
    expect(answer.authorities).toMatchObject([{ name: ZONE, type: 'SOA', ttl: 1 }]);
  });

  it('is not there either where it is one label', () => {
    expect(ask('nobody')).toMatchObject({ rcode: 'NXDOMAIN', authorities: [] });
    expect(ask('nobody', { type: 'AAAA' })).toMatchObject({ rcode: 'NXDOMAIN' });
  });

  it.each(['example.com', 'mesh.internal.example.com', 'xmesh.internal.com', 'box1.notmesh.internal2', '.'])(
    'is for others where it is %s',
    name => {
      publish('box1', '10.0.0.11');
      expect(ask(name)).toBeUndefined();
    },
  );

  it('is for others where somebody asks about a domain at the top', () => {
    expect(ask('com', { type: 'NS' })).toBeUndefined();
  });
});

describe('the zone', () => {
  it('has its SOA record and nothing else', () => {
    expect(ask(ZONE, { type: 'SOA' })!.answers).toMatchObject([
      { name: ZONE, type: 'SOA', data: { mname: ZONE, rname: `hostmaster.${ZONE}` } },
    ]);
    expect(ask(ZONE)).toMatchObject({ rcode: 'NOERROR', answers: [], authorities: [{ name: ZONE }] });
  });

  it('has the names between it and others, though they hold nothing', () => {
    publish('a.b.c', '10.0.0.11');
    publish('d.b.c', '10.0.0.12');
    expect(ask(`b.c.${ZONE}`)).toMatchObject({ rcode: 'NOERROR', answers: [] });
    publish('a.b.c');
    expect(ask(`c.${ZONE}`)).toMatchObject({ rcode: 'NOERROR' });
    publish('c', '10.0.0.13');
    publish('d.b.c');
    expect(ask(`b.c.${ZONE}`)).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(addressesIn(ask(`c.${ZONE}`)!)).toEqual(['10.0.0.13']);
    publish('c');
    expect(ask(`c.${ZONE}`)).toMatchObject({ rcode: 'NXDOMAIN' });
  });
});

describe('an address', () => {
  const reverse = '11.0.0.10.IN-addr.arpa';

  it('has the first of its names', () => {
    publish('web', '10.0.0.11');
    publish('box1', '10.0.0.11');
    expect(ask(reverse, { type: 'PTR' })!.answers).toMatchObject([
      { name: reverse, type: 'PTR', ttl: 1, data: `box1.${ZONE}` },
    ]);
    publish('box1');
    expect(ask(reverse, { type: 'PTR' })!.answers).toMatchObject([{ data: `web.${ZONE}` }]);
  });

  it('is for others where it has none', () => {
    publish('web', '10.0.0.11');
    expect(ask('12.0.0.10.in-addr.arpa', { type: 'PTR' })).toBeUndefined();
    publish('web', '10.0.0.12');
    expect(ask(reverse, { type: 'PTR' })).toBeUndefined();
  });
});

describe('an answer that is too large', () => {
  it.each([
    [50, 512, undefined, false],
    [50, 1232, 1232, true],
    [500, 1232, 1232, false],
    [500, 4096, 65_535, false],
    [200, 4096, 4096, true],
    [100, 512, 100, false],
  ])('of %i addresses has at most %i bytes', (count, limit, edns, whole) => {
    publish('web', ...many(count));
    const answer = ask(`web.${ZONE}`, edns === undefined ? {} : { edns })!;
    expect(answer.length).toBeLessThanOrEqual(limit);
    expect(answer.flag_tc).toBe(!whole);
    const given = addressesIn(answer);
    if (whole) expect(given).toEqual(many(count).sort());
    else {
      // As many as fit: one more would not.
      expect(answer.length + 16).toBeGreaterThan(limit);
      expect(new Set(given).size).toBe(given.length);
    }
  });

  it('is whole over TCP', () => {
    publish('web', ...many(500));
    const answer = ask(`web.${ZONE}`, { limit: 65_535 })!;
    expect(answer.flag_tc).toBe(false);
    expect(addressesIn(answer)).toEqual(many(500).sort());
  });
});

describe('EDNS', () => {
  it('is answered with EDNS, and only then', () => {
    publish('box1', '10.0.0.11');
    expect(ask(`box1.${ZONE}`, { edns: 1232 })!.additionals).toMatchObject([
      { type: 'OPT', udpPayloadSize: 4096, ednsVersion: 0, extendedRcode: 0, options: [] },
    ]);
    expect(ask(`box2.${ZONE}`, { edns: 1232 })!.additionals).toHaveLength(1);
    expect(ask(`box1.${ZONE}`)!.additionals).toEqual([]);
  });
});

describe('publishing', () => {
  it('counts names and addresses', () => {
    publish('box1', '10.0.0.11', '10.0.0.12', '10.0.0.11');
    publish('box2', '10.0.0.12');
    expect([table.names, table.addresses]).toEqual([2, 2]);
    expect(addressesIn(ask(`box1.${ZONE}`)!)).toEqual(['10.0.0.11', '10.0.0.12']);
    publish('box1');
    publish('box1');
    publish('box2');
    expect([table.names, table.addresses]).toEqual([0, 0]);
  });

  it('leaves out names that no message can hold', () => {
    const long = 'a'.repeat(64);
    for (const name of [long, 'a..b', '', '.', 'a.', `${'abcdefg.'.repeat(31)}abc`])
      expect(publish(name, '10.0.0.11')).toEqual([name]);
    expect(table.names).toBe(0);
  });
});
