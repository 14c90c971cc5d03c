import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { becomes, drop, NOTICED_MS, socketOf } from '../support/lab/paths.ts';
import { startProbe } from '../support/lab/probe.ts';
import { type } from '../support/lab/shell.ts';

/** Frames that go through the routers: where somebody wants that. */

const LAUNCH = 'mesh launch --native --no-dns';
const BOXES = ['10.32.0.1', '10.32.0.2', '10.32.0.3'] as const;

async function ping(host: Host, address: string, ...options: string[]): Promise<string> {
  return type(host, `ip netns exec box ping -c 3 -i 0.2 -W 1 ${options.join(' ')} ${address}`);
}

describe('a mesh with a host that sends no VXLAN', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let three: Host;

  beforeAll(async () => {
    lab = await createLab({ hosts: 3 });
    [one, two, three] = lab.hosts as [Host, Host, Host];
    await type(one, `${LAUNCH} --no-fastdp`);
    await type(two, `${LAUNCH} ${one.address} --wait`);
    await type(three, `${LAUNCH} ${one.address} --wait`);
    for (const [index, host] of [one, two, three].entries()) {
      await host.addNamespace('box');
      await type(host, `mesh attach ${BOXES[index]}/12 netns:/run/netns/box`);
    }
  });
  afterAll(() => lab?.destroy());

  it('goes through the routers there, and by the kernel between the others', async () => {
    await becomes(one, two, ({ path }) => path === 'sleeve', 10_000);
    await becomes(two, three, ({ path }) => path === 'fastdp', 10_000);
    await ping(one, BOXES[1], '-s', '1400');
    await ping(three, BOXES[0]);
    await ping(two, BOXES[2]);
    expect(await type(two, 'mesh status connections')).toMatch(
      /established sleeve .*\(host1\) mtu=1450 .*\(it was launched with --no-fastdp\)/,
    );
  });
});

describe('a mesh whose VXLAN is dropped', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;

  beforeAll(async () => {
    lab = await createLab({ hosts: 2 });
    [one, two] = lab.hosts as [Host, Host];
    for (const [index, host] of [one, two].entries()) {
      await type(host, `${LAUNCH} ${index === 0 ? '' : `${one.address} --wait`}`);
      await host.addNamespace('box');
      await type(host, `mesh attach ${BOXES[index]}/12 netns:/run/netns/box`);
    }
    await becomes(one, two, ({ path }) => path === 'fastdp', 10_000);
  });
  afterAll(() => lab?.destroy());

  it('goes through the routers within five seconds, and on when one of them is killed and started again', async () => {
    const probe = await startProbe(one, 'box', BOXES[1]);
    await sleep(NOTICED_MS);
    for (const host of [one, two]) await drop(host, host === one ? two : one, 'udp dport 6784');
    await becomes(one, two, ({ path }) => path === 'sleeve', 6_000);
    await becomes(two, one, ({ path }) => path === 'sleeve', 6_000);
    await ping(one, BOXES[1], '-s', '1400');
    expect(await type(one, 'mesh status connections')).toMatch(
      /established sleeve .*\(host2\) mtu=1450 .*\(the direct way does not answer\)/,
    );
    expect((await probe.stop()).lostMs).toBeLessThan(5_500);
    const health = await ask(socketOf(one), 'health');
    await type(one, `kill -9 ${health.ok && health.value.pid}; ${LAUNCH} ${two.address} --wait`);
    await becomes(one, two, ({ path }) => path === 'sleeve', 10_000);
    await ping(two, BOXES[0]);
  });
});
