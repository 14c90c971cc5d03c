import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseServers } from '../../../../src/api/dns/resolv-conf.ts';
import { Upstream } from '../../../../src/api/dns/upstream.ts';
import { addressesIn, decodeAnswer, questionBytes } from '../../../support/dns/ask.ts';
import { type Reply, startFakeUpstream } from '../../../support/dns/fake-upstream.ts';

const ONE = '127.0.0.21';
const TWO = '127.0.0.22';
const found = [{ name: 'example.org', type: 'A', ttl: 60, data: '192.0.2.1' }] as const;

let directory: string;
let path: string;
const ends: (() => void)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mst-dns-'));
  path = join(directory, 'resolv.conf');
  writeFileSync(path, `# who else\nnameserver ${ONE}\nnameserver ${TWO}\n`);
});
afterEach(() => {
  vi.useRealTimers();
  for (const end of ends.splice(0)) end();
  rmSync(directory, { recursive: true });
});

async function two(first: (name: string) => Reply, second: (name: string) => Reply) {
  const one = await startFakeUpstream(ONE, 0, first);
  const other = await startFakeUpstream(TWO, one.port, second);
  ends.push(
    () => one.close(),
    () => other.close(),
  );
  return { one, other, upstream: new Upstream(path, () => false, one.port) };
}

/** However long the answers take on a busy machine, nobody runs out of patience. */
const bePatient = () => vi.useFakeTimers({ toFake: ['setTimeout'] });

const query = (id = 4711) => questionBytes('example.org', { id });

describe('the servers for other names', () => {
  it('are asked in their order, each time with another number and from another port', async () => {
    const { one, other, upstream } = await two(
      () => found,
      () => found,
    );
    bePatient();
    for (const id of [1, 2, 3]) {
      const answer = await upstream.ask(query(id), false);
      expect(answer?.readUInt16BE(0)).toBe(id);
      expect(addressesIn(decodeAnswer(answer!))).toEqual(['192.0.2.1']);
    }
    expect(new Set(one.asked.map(({ id }) => id)).size).toBe(3);
    expect(new Set(one.asked.map(({ port }) => port)).size).toBe(3);
    expect(other.asked).toEqual([]);
    expect(upstream.report()[0]).toEqual({ address: ONE, asked: 3, answered: 3, trouble: undefined });
  });

  it.each([
    ['says nothing', () => undefined],
    ['can not find out', () => 2],
    ['refuses', () => 5],
    ['answers something else', () => () => Buffer.from(questionBytes('example.net'))],
  ] as [string, () => Reply][])('are asked one after the other where one %s', async (_, reply) => {
    const { other, upstream } = await two(reply, () => found);
    const answer = await upstream.ask(query(), false);
    expect(addressesIn(decodeAnswer(answer!))).toEqual(['192.0.2.1']);
    expect(other.asked).toHaveLength(1);
  });

  it('are known as such, and what they are asked, so that a question that comes back is seen', async () => {
    const { upstream } = await two(
      () => undefined,
      () => found,
    );
    const asked = upstream.ask(query(1), false);
    expect(upstream.isServer(ONE)).toBe(true);
    expect(upstream.isUnderWay(query(2), false)).toBe(true);
    expect(upstream.isUnderWay(query(2), true)).toBe(false);
    await asked;
    expect(upstream.isUnderWay(query(2), false)).toBe(false);
  });

  it('say why not, where none knows better', async () => {
    const { upstream } = await two(
      () => 2,
      () => 5,
    );
    expect(decodeAnswer((await upstream.ask(query(), false))!).rcode).toBe('SERVFAIL');
    writeFileSync(path, '');
    expect(await new Upstream(path, () => false).ask(query(), false)).toBeUndefined();
    expect(await new Upstream('/nowhere', () => false).ask(query(), false)).toBeUndefined();
  });

  it('are asked over TCP by who asked over TCP, once for all that ask the same', async () => {
    const { one, upstream } = await two(
      () => found,
      () => found,
    );
    bePatient();
    const answers = await Promise.all([1, 2, 3].map(id => upstream.ask(query(id), true)));
    expect(answers.map(answer => decode(answer!).id)).toEqual([1, 2, 3]);
    expect(one.asked).toHaveLength(1);
  });

  it('are those of the file, when it has changed, but never this one itself', async () => {
    const upstream = new Upstream(path, address => address === ONE);
    expect(upstream.report().map(({ address }) => address)).toEqual([TWO]);
    expect(upstream.isServer(TWO)).toBe(true);
    expect(
      parseServers('nameserver 1.1.1.1\n;nameserver 2.2.2.2\nnameserver x\n nameserver ::1 # c\n'),
    ).toEqual(['1.1.1.1', '::1']);
  });
});
