import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createNameServer } from '../../../../src/api/dns/name-server.ts';
import type { Ipv4 } from '../../../../src/core/address.ts';
import { describe as describeProblem } from '../../../../src/core/errors.ts';
import { threadProgram } from '../../../../src/daemon/threads.ts';
import type { NameServer } from '../../../../src/ports/name-server.ts';
import {
  addressesIn,
  ask,
  askStream,
  decodeAnswer,
  exchange,
  questionBytes,
} from '../../../support/dns/ask.ts';
import { startFakeUpstream } from '../../../support/dns/fake-upstream.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { until } from '../../../support/until.ts';

const LOOPBACK = { address: '127.0.0.0' as Ipv4, prefix: 8 };
const recordOn = (network: string, name: string, ...addresses: string[]) => ({
  ...{ network, name, addresses: addresses as Ipv4[] },
});
const record = (name: string, ...addresses: string[]) => recordOn('mesh', name, ...addresses);

const opened: NameServer[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

const OPTIONS = { zone: 'mesh.internal.', ttl: 1, resolvConf: '/nowhere' };

/** A server that waits for its names. */
function create(over: Partial<typeof OPTIONS & { upstreamPort: number }> = {}) {
  const log = createFakeLog();
  const server = createNameServer({ ...OPTIONS, ...over, program: threadProgram('dns-thread'), log });
  opened.push(server);
  return { server, log };
}

function open(over: Partial<typeof OPTIONS & { upstreamPort: number }> = {}) {
  const created = create(over);
  created.server.open();
  return created;
}

/** A port of 127.0.0.1 that nobody has, and one that somebody has until `release`. */
async function takenPort() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, release: () => socket.close() };
}

async function freePlace() {
  const { port, release } = await takenPort();
  release();
  return {
    address: '127.0.0.1' as Ipv4,
    port,
    namespace: undefined,
    network: undefined,
    allowed: [LOOPBACK],
  };
}

describe('a name server', () => {
  it('answers what was published, in its own thread', async () => {
    const { server } = open();
    const place = await freePlace();
    server.publish([record('box1', '10.0.0.11', '10.0.0.12')]);
    expect(await server.listen([place])).toEqual({ ok: true, value: undefined });
    const answer = await ask(place, 'box1.mesh.internal');
    expect(answer).toMatchObject({ rcode: 'NOERROR', flag_aa: true, flag_ra: true, flag_rd: true });
    expect(addressesIn(answer)).toEqual(['10.0.0.11', '10.0.0.12']);
    expect(answer.answers?.every(one => one.type === 'A' && one.ttl === 1)).toBe(true);

    server.publish([record('box1'), record('box2', '10.0.0.12')]);
    // A datagram could be faster than the word to the thread; what is answered comes after it.
    await server.report();
    expect(addressesIn(await ask(place, 'box2.mesh.internal'))).toEqual(['10.0.0.12']);
    expect((await ask(place, 'box1.mesh.internal')).rcode).toBe('NXDOMAIN');
    expect(await server.report()).toMatchObject({ names: 1, addresses: 1, places: [place], restarts: 0 });
  });

  it('holds questions until it has the names, so that no name is denied that is only late', async () => {
    const { server } = create();
    const place = await freePlace();
    expect((await server.listen([place])).ok).toBe(true);
    const answers = [ask(place, 'box1.mesh.internal'), ask(place, 'nobody.mesh.internal')];
    const streamed = askStream(place, ['box1.mesh.internal']);
    expect(await Promise.race([...answers, streamed, sleep(100, 'none yet')])).toBe('none yet');
    server.publish([record('box1', '10.0.0.11')]);
    server.open();
    const [box, nobody] = await Promise.all(answers);
    expect(addressesIn(box!)).toEqual(['10.0.0.11']);
    expect(nobody!.rcode).toBe('NXDOMAIN');
    expect(addressesIn((await streamed)[0]!)).toEqual(['10.0.0.11']);
  });

  it('lets go of a place while questions from there are still with others', async () => {
    const upstream = await startFakeUpstream('127.0.0.24', 0, () => undefined);
    const path = join(mkdtempSync(join(tmpdir(), 'mst-dns-')), 'resolv.conf');
    writeFileSync(path, 'nameserver 127.0.0.24\n');
    const { server } = open({ resolvConf: path, upstreamPort: upstream.port });
    const [first, second] = [await freePlace(), await freePlace()];
    await server.listen([first]);
    const lost = exchange(first, questionBytes('example.org'));
    await until(
      async () => (await server.report()).upstreams[0]?.asked === 1 || undefined,
      () => 'the upstream is not asked',
    );
    await server.listen([second]);
    expect(await lost).toBeUndefined();
    // It has given up by then.
    await until(
      async () => (await server.report()).counters['failed'] === 1 || undefined,
      () => 'the question is still under way',
    );
    expect(await server.report()).toMatchObject({ restarts: 0 });
    upstream.close();
    rmSync(dirname(path), { recursive: true });
  });

  it('tells at the place of a network of no other, but of what is heard everywhere', async () => {
    const { server } = open();
    const [all, prod, test] = [await freePlace(), await freePlace(), await freePlace()];
    server.publish([recordOn('prod', 'db', '10.40.0.1'), recordOn('', 'printer', '192.0.2.9')]);
    await server.listen([all, { ...prod, network: 'prod' }, { ...test, network: 'test' }]);
    server.publish([recordOn('test', 'db', '10.41.0.1'), recordOn('', 'scanner', '192.0.2.8')]);
    await server.report();
    const heard = async (place: typeof all, name: string) =>
      addressesIn(await ask(place, `${name}.mesh.internal`)).join(' ');
    expect([await heard(all, 'db'), await heard(prod, 'db'), await heard(test, 'db')]).toEqual([
      ...['10.40.0.1 10.41.0.1', '10.40.0.1', '10.41.0.1'],
    ]);
    for (const place of [all, prod, test])
      expect([await heard(place, 'printer'), await heard(place, 'scanner')]).toEqual([
        '192.0.2.9',
        '192.0.2.8',
      ]);
    server.publish([recordOn('prod', 'db')]);
    await server.report();
    expect([await heard(all, 'db'), await heard(prod, 'db')]).toEqual(['10.41.0.1', '']);
    expect((await ask(prod, '1.0.41.10.in-addr.arpa', { type: 'PTR' })).rcode).not.toBe('NOERROR');
    expect(await server.report()).toMatchObject({ names: 3, addresses: 3 });
  });

  it('tells who is on several networks of all of them, wherever it asks', async () => {
    const { server } = open();
    const prod = { ...(await freePlace()), network: 'prod' };
    server.publish([recordOn('prod', 'db', '10.40.0.1'), recordOn('test', 'web', '10.41.0.1')]);
    await server.listen([prod]);
    expect((await ask(prod, 'web.mesh.internal')).rcode).toBe('NXDOMAIN');
    server.belong([{ address: '127.0.0.1' as Ipv4, networks: ['prod', 'test'] }]);
    await server.report();
    expect(addressesIn(await ask(prod, 'web.mesh.internal'))).toEqual(['10.41.0.1']);
    expect(addressesIn(await ask(prod, 'db.mesh.internal'))).toEqual(['10.40.0.1']);
    server.belong([]);
    await server.report();
    expect((await ask(prod, 'web.mesh.internal')).rcode).toBe('NXDOMAIN');
  });

  it('answers others where it listens already, without letting go of the socket', async () => {
    const { server } = open();
    const place = await freePlace();
    server.publish([record('box1', '10.0.0.11')]);
    const nobody = { ...place, allowed: [{ address: '10.0.0.0' as Ipv4, prefix: 8 }] };
    expect((await server.listen([nobody])).ok).toBe(true);
    expect((await ask(place, 'box1.mesh.internal')).rcode).toBe('REFUSED');
    expect((await askStream(place, ['box1.mesh.internal']))[0]!.rcode).toBe('REFUSED');
    expect((await server.listen([place])).ok).toBe(true);
    expect(addressesIn(await ask(place, 'box1.mesh.internal'))).toEqual(['10.0.0.11']);
    expect(addressesIn((await askStream(place, ['box1.mesh.internal']))[0]!)).toEqual(['10.0.0.11']);
    expect((await server.report()).places).toEqual([place]);
  });

  it('says that it knows no later version of EDNS (RFC 6891)', async () => {
    const { server } = open();
    const place = await freePlace();
    await server.listen([place]);
    const bytes = questionBytes('box1.mesh.internal', { edns: 1232 });
    bytes.writeUInt8(1, bytes.length - 5);
    const answer = decodeAnswer((await exchange(place, bytes))!);
    expect(answer.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1 }]);
    expect(answer.rcode).toBe('NOERROR');
  });

  it('goes from one place to another', async () => {
    const { server } = open();
    const [first, second] = [await freePlace(), await freePlace()];
    server.publish([record('box1', '10.0.0.11')]);
    await server.listen([first]);
    await server.listen([second]);
    expect(addressesIn(await ask(second, 'box1.mesh.internal'))).toEqual(['10.0.0.11']);
    expect((await server.report()).places).toEqual([second]);
    expect(await server.listen([first])).toMatchObject({ ok: true });
  });

  it('says which place is taken and what helps, and stays where it was', async () => {
    const { server } = open();
    const [good, other] = [await freePlace(), await freePlace()];
    await server.listen([good]);
    const taken = await takenPort();
    const refused = await server.listen([other, { ...other, port: taken.port }]);
    taken.release();
    expect(refused).toEqual({
      ok: false,
      problem: { code: 'dns-port-in-use', address: '127.0.0.1', port: taken.port },
    });
    expect(!refused.ok && describeProblem(refused.problem)).toMatch(/systemd-resolved.*--dns-listen-address/);
    expect((await server.report()).places).toEqual([good]);
    expect((await ask(good, 'nobody.mesh.internal')).rcode).toBe('NXDOMAIN');
  });

  it('says that an address is not of this host, or a namespace none', async () => {
    const { server } = open();
    const place = await freePlace();
    expect(await server.listen([{ ...place, address: '192.0.2.1' as Ipv4 }])).toMatchObject({
      problem: { code: 'no-such-host-address', value: '192.0.2.1' },
    });
    expect(await server.listen([{ ...place, namespace: '/nowhere' }])).toMatchObject({
      problem: { code: 'namespace-unknown', path: '/nowhere' },
    });
  });

  it('answers over TCP as well, several questions on one connection, and more than a datagram has room for', async () => {
    const { server } = open();
    const place = await freePlace();
    const many = Array.from({ length: 500 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
    server.publish([record('many', ...many), record('one', '10.0.0.1')]);
    expect((await server.listen([place])).ok).toBe(true);
    const short = await ask(place, 'many.mesh.internal');
    expect(short).toMatchObject({ flag_tc: true });
    const answers = await askStream(place, ['many.mesh.internal', 'one.mesh.internal']);
    expect(addressesIn(answers[0]!)).toEqual(many.sort());
    expect(addressesIn(answers[1]!)).toEqual(['10.0.0.1']);
  });

  it('hands other names on, and says that it failed where nobody answers', async () => {
    const upstream = await startFakeUpstream('127.0.0.23', 0, name =>
      name === 'example.org' ? [{ name, type: 'A', ttl: 60, data: '192.0.2.1' }] : undefined,
    );
    const path = join(mkdtempSync(join(tmpdir(), 'mst-dns-')), 'resolv.conf');
    writeFileSync(path, 'nameserver 127.0.0.23\n');
    const { server } = open({ resolvConf: path, upstreamPort: upstream.port });
    const place = await freePlace();
    expect((await server.listen([place])).ok).toBe(true);
    expect(addressesIn(await ask(place, 'example.org'))).toEqual(['192.0.2.1']);
    expect(addressesIn((await askStream(place, ['example.org']))[0]!)).toEqual(['192.0.2.1']);
    expect((await ask(place, 'nobody.mesh.internal')).rcode).toBe('NXDOMAIN');
    expect((await ask(place, 'slow.example.org')).rcode).toBe('SERVFAIL');
    const { counters, upstreams } = await server.report();
    expect(counters).toMatchObject({ forwarded: 2, failed: 1, answered: 1 });
    expect(upstreams).toEqual([{ address: '127.0.0.23', asked: 3, answered: 2, trouble: 'no answer' }]);
    upstream.close();
    rmSync(dirname(path), { recursive: true });
  });
});
