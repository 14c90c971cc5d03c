import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Report } from '../../src/core/report.ts';
import { type Asker, openAsker } from '../support/dns/asker.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

const SERVICE = '10.39.255.254';
const HEALED_MS = 2_000;
/** What returned would have returned by then. */
const WATCHED_MS = 5_000;

async function reportOf(host: Host): Promise<Report> {
  const report = await ask(`/proc/${host.pid}/root/run/mesh/mesh.sock`, 'report');
  if (!report.ok) throw new Error(`${host.name}: ${report.problem.code}`);
  return report.value;
}

describe('names while a host is cut off', () => {
  let lab: Lab;
  let hosts: readonly [Host, Host, Host];
  let askers: readonly [Asker, Asker, Asker];

  beforeAll(async () => {
    lab = await createLab({ hosts: 3 });
    hosts = lab.hosts as unknown as typeof hosts;
    await type(hosts[0], 'mesh launch --native');
    for (const host of hosts.slice(1)) await type(host, 'mesh launch --native 192.168.48.11 --wait');
    const opened: Asker[] = [];
    for (const host of hosts) {
      await host.addNamespace('asker');
      await type(host, 'mesh attach netns:/run/netns/asker');
      opened.push(openAsker(`/proc/${host.pid}/root/run/netns/asker`, SERVICE, 53, 500));
    }
    askers = opened as unknown as typeof askers;
  });
  afterAll(async () => {
    for (const asker of askers ?? []) asker.close();
    await lab?.destroy();
  });

  const attach = async (host: Host, name: string): Promise<string> => {
    await host.addNamespace(name);
    return (await type(host, `mesh attach netns:/run/netns/${name}`)).trim();
  };
  const heard = async (asker: Asker, name: string) => (await asker.ask(`${name}.mesh.internal`))?.join(' ');
  const become = (asker: Asker, name: string, addresses: string): Promise<number> =>
    until(
      async () => ((await heard(asker, name)) === addresses ? performance.now() : undefined),
      () => `${name} is not "${addresses}"`,
    );

  it.each([
    ['nobody has given it up', 8_000, 'suspect'],
    ['its names are gone with it', 17_000, undefined],
  ])('removed on either side are gone after it heals, and none returns: %s', async (_, apartMs, state) => {
    const [one, two, three] = hosts;
    const stays = { there: await attach(two, 'stays-two'), here: await attach(three, 'stays-three') };
    for (const asker of askers) {
      await become(asker, 'stays-two', stays.there);
      await become(asker, 'stays-three', stays.here);
    }
    const gone = { two: await attach(two, 'gone-two'), three: await attach(three, 'gone-three') };
    for (const asker of askers) {
      await become(asker, 'gone-two', gone.two);
      await become(asker, 'gone-three', gone.three);
    }

    for (const other of [one, two]) await lab.cut(three, other);
    await type(two, 'mesh detach netns:/run/netns/gone-two');
    await type(three, 'mesh detach netns:/run/netns/gone-three');
    for (const asker of askers.slice(0, 2)) await become(asker, 'gone-two', '');
    await become(askers[2], 'gone-three', '');
    // The other side can't know.
    expect(await heard(askers[2], 'gone-two')).toBe(gone.two);
    await sleep(apartMs);
    if (state !== undefined)
      expect((await reportOf(three)).connections.map(connection => connection.state)).toContain(state);
    else expect(await heard(askers[2], 'stays-two')).toBe('');

    for (const other of [one, two]) await lab.heal(three, other);
    const healed = performance.now();
    const stale: string[] = [];
    while (performance.now() - healed < WATCHED_MS) {
      const at = performance.now() - healed;
      for (const [index, asker] of askers.entries())
        for (const name of ['gone-two', 'gone-three'])
          if (((await heard(asker, name)) ?? '') !== '' && (at > HEALED_MS || state === undefined))
            stale.push(`${name} on ${hosts[index]!.name} after ${Math.round(at)} ms`);
      await sleep(20);
    }
    expect(stale).toEqual([]);
    for (const asker of askers) {
      await become(asker, 'stays-two', stays.there);
      await become(asker, 'stays-three', stays.here);
    }
    for (const [host, name] of [
      [two, 'stays-two'],
      [three, 'stays-three'],
    ] as const)
      await type(host, `mesh detach netns:/run/netns/${name}`);
    for (const [host, ...names] of [
      [two, 'stays-two', 'gone-two'],
      [three, 'stays-three', 'gone-three'],
    ] as const)
      for (const name of names) await type(host, `ip netns delete ${name}`);
  });
});

describe('a host where another DNS server listens', () => {
  let lab: Lab;
  let host: Host;

  const bridge =
    'ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up';
  const take = async (address: string): Promise<void> => {
    const script = `require('dgram').createSocket('udp4').bind(53, '${address}')`;
    await host.spawn([process.execPath, '-e', script]);
    await until(
      async () => (await type(host, 'ss -Hlun sport = :53')).includes(address) || undefined,
      () => 'nobody has the port',
    );
  };

  beforeAll(async () => {
    lab = await createLab({ hosts: 1 });
    [host] = lab.hosts as [Host];
  });
  afterAll(() => lab?.destroy());

  it('is told which port and which flag, by a launch that leaves nothing', async () => {
    await type(host, bridge);
    await take('0.0.0.0');
    const says =
      'the router ended while starting: another DNS server has port 53 of 172.17.0.1 (systemd-resolved, dnsmasq?); end it, or choose another place with --dns-listen-address';
    await expectRefused(host, { command: 'mesh launch --native', status: 1, says });
    await expectRefused(host, {
      command: 'mesh launch --native --dns-listen-address 192.0.2.7',
      status: 1,
      says: /192\.0\.2\.7/,
    });
    await expectRefused(host, {
      command: 'mesh launch --native --dns-listen-address 172.17.0.1:dns',
      status: 2,
      says: /dns-listen-address/,
    });
  });

  it('gets a router that listens where it is told, or nowhere', async () => {
    await type(host, 'mesh launch --native --dns-listen-address 127.0.0.1:5300');
    expect(await type(host, 'mesh status')).toMatch(/Listening: 127\.0\.0\.1:5300/);
    await type(host, 'mesh stop; mesh launch --native --no-dns');
    expect(await type(host, 'mesh status')).not.toContain('Service: dns');
    await type(host, 'mesh stop; ip link delete docker0');
  });

  it('is warned in the status where the bridge comes later, and answered in the switch all the same', async () => {
    await type(host, 'mesh launch --native');
    await type(host, bridge);
    let status = '';
    await until(
      async () => {
        status = await type(host, 'mesh status');
        return status.includes('Warning: another DNS server has port 53 of 172.17.0.1') || undefined;
      },
      () => status,
    );
    expect(status).toMatch(/Listening: 10\.39\.255\.254:53/);
    await host.addNamespace('box');
    const address = (await type(host, 'mesh attach netns:/run/netns/box')).trim();
    const asker = openAsker(`/proc/${host.pid}/root/run/netns/box`, SERVICE, 53, 500);
    await until(
      async () => (await asker.ask('box.mesh.internal'))?.join() === address || undefined,
      () => 'no answer in the switch',
    );
    asker.close();
  });
});
