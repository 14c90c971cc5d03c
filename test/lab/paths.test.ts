import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { becomes, drop, heal, NOTICED_MS, path, socketOf } from '../support/lab/paths.ts';
import { startProbe } from '../support/lab/probe.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Real routers on hosts whose frames are dropped: by kind, by size, one way, or with no route at all. */

const LAUNCH = 'mesh launch --native --no-dns --no-discovery';
const ADDRESSES = ['10.32.0.1', '10.32.0.2', '10.32.0.3', '10.32.0.4'];
async function mesh(count: number): Promise<Lab> {
  const lab = await createLab({ hosts: count });
  for (const [index, host] of lab.hosts.entries()) {
    await host.addNamespace('box');
    // A chain: each knows the one before it alone.
    const target = index === 0 ? '' : ` ${lab.hosts[index - 1]!.address} --wait`;
    await type(host, `${LAUNCH}${target}`);
    await type(host, `mesh attach ${ADDRESSES[index]}/12 netns:/run/netns/box`);
  }
  return lab;
}

describe('a path', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let three: Host;
  let four: Host;

  beforeAll(async () => {
    lab = await mesh(4);
    [one, two, three, four] = lab.hosts as [Host, Host, Host, Host];
    await becomes(one, three, ({ path }) => path === 'fastdp', 20_000);
  });
  afterAll(() => lab?.destroy());

  it.each([
    ['both ways', true],
    ['one way', false],
  ])('goes by a relay when UDP to the data port is dropped %s, and straight again', async (_, isBothWays) => {
    const probe = await startProbe(one, 'box', ADDRESSES[2]!);
    await sleep(NOTICED_MS);
    await drop(three, one, 'udp dport 6784');
    if (isBothWays) await drop(one, three, 'udp dport 6784');
    await becomes(one, three, ({ path }) => path === 'relay', 6_000);
    const shown = await type(one, 'mesh status connections');
    expect(shown).toMatch(
      /unconnected relay .*\(host3\) mtu=\d+ rtt=\d.*ms .*via .*\(host[24]\) \(the direct way does not answer\)/,
    );
    await sleep(3_000);
    await heal(three);
    if (isBothWays) await heal(one);
    const back = await becomes(one, three, ({ path }) => path === 'fastdp', 20_000);
    await sleep(1_000);
    expect((await probe.stop()).lostMs).toBeLessThan(5_000);
    expect(back).toBeLessThan(15_000);
  });

  it('finds within 35 s that packets over 700 bytes are dropped, and the network follows', async () => {
    const probe = await startProbe(one, 'box', ADDRESSES[2]!);
    await sleep(NOTICED_MS);
    await drop(three, one, 'udp dport 6784 meta length > 750');
    // What it finds first it makes more exact then.
    const isExact = (mtu = 0): boolean => mtu > 680 && mtu <= 700;
    const found = await becomes(one, three, ({ mtu }) => isExact(mtu), 40_000);
    expect(found).toBeLessThan(35_000);
    const size = ['ip', 'netns', 'exec', 'box', 'cat', '/sys/class/net/ethmesh/mtu'];
    await until(
      async () => Number(await one.succeed(size)) <= 700 || undefined,
      () => 'the interface in the container follows',
    );
    await type(one, `ip netns exec box ping -c 1 -W 2 -M dont -s 1400 ${ADDRESSES[2]}`);
    await heal(three);
    await becomes(one, three, ({ mtu }) => mtu === 1450, 40_000);
    await probe.stop();
  });

  it('is found to a host without a route, by the one between', async () => {
    await lab.cut(one, three);
    await becomes(one, three, ({ path }) => path === 'relay', 40_000);
    await becomes(three, one, ({ path }) => path === 'relay', 40_000);
    await type(one, `ip netns exec box ping -c 3 -i 0.2 -W 1 ${ADDRESSES[2]}`);
    await becomes(one, three, ({ mtu }) => mtu === 1450, 5_000);
    const relay = (await path(one, three))?.relay?.nickname === two.name ? two : four;
    expect(await type(relay, 'nft list table ip mesh')).toMatch(
      new RegExp(`relay_hosts[\\s\\S]*: ${three.address}`),
    );
    expect(await type(relay, 'cat /proc/sys/net/ipv4/ip_forward')).toBe('0\n');

    const probe = await startProbe(one, 'box', ADDRESSES[2]!);
    for (const host of [one, relay]) {
      const health = await ask(socketOf(host), 'health');
      await type(host, `kill -9 ${health.ok && health.value.pid}; sleep 0.5`);
      await type(host, `${LAUNCH} ${host === one ? two.address : three.address} --wait`);
    }
    await sleep(5_000);
    const { sent, answered } = await probe.stop();
    expect(sent - answered).toBe(0);
    await lab.heal(one, three);
    await becomes(one, three, ({ path }) => path === 'fastdp', 20_000);
  });

  it('goes by another relay within five seconds when one dies', async () => {
    await lab.cut(one, three);
    await becomes(one, three, ({ path, mtu }) => path === 'relay' && mtu === 1450, 40_000);
    const probe = await startProbe(one, 'box', ADDRESSES[2]!);
    await sleep(NOTICED_MS);
    const first = (await path(one, three))?.relay?.nickname === two.name ? two : four;
    const second = first === two ? four : two;
    const others = lab.hosts.filter(host => host !== first);
    await Promise.all(others.map(other => lab.cut(first, other)));
    const taken = await becomes(one, three, ({ relay }) => relay?.nickname === second.name, 10_000);
    await sleep(1_000);
    expect(taken).toBeLessThan(5_000);
    expect((await probe.stop()).lostMs).toBeLessThan(5_000);
    await Promise.all(others.map(other => lab.heal(first, other)));
    await lab.heal(one, three);
    await becomes(one, three, ({ path }) => path === 'fastdp', 20_000);
  });
});
