import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/**
 * Hosts whose devices differ: one says 9000, though what lies between takes 1500 and tells nobody so (as where ICMP is
 * blocked), one has 1400, one 1280.
 */

const LAUNCH = 'mesh launch --native --no-dns --no-discovery';
const UNDERLAY = [9_000, 1_400, 1_280];
const ADDRESSES = ['10.32.0.1', '10.32.0.2', '10.32.0.3'];
const HEADERS = 28;

async function mtuOf(host: Host): Promise<number> {
  return Number(await type(host, 'ip netns exec box cat /sys/class/net/ethmesh/mtu'));
}

/** Resolves when the containers on all of these hosts may send so much. */
async function agreed(hosts: readonly Host[], isRight: (mtu: number) => boolean): Promise<void> {
  let last: readonly number[] = [];
  await until(
    async () => {
      last = await Promise.all(hosts.map(mtuOf));
      return last.every(isRight) || undefined;
    },
    () => `the MTUs are ${last.join(', ')}`,
    35_000,
  );
}

/** As soon as it has been measured: a host keeps to what others tell before that. */
function pathMtu(of: Host, to: Host): Promise<number> {
  return until(
    async () => {
      const report = await ask(`/proc/${of.pid}/root/run/mesh/mesh.sock`, 'report');
      return report.ok ? report.value.paths.find(({ peer }) => peer.nickname === to.name)?.mtu : undefined;
    },
    () => `${of.name} has not measured the path to ${to.name}`,
    35_000,
  );
}

/** The largest packets that containers may send get to all others, and so do larger ones in fragments. */
async function allReach(hosts: readonly Host[]): Promise<void> {
  for (const [from, host] of hosts.entries()) {
    const size = (await mtuOf(host)) - HEADERS;
    for (const [to, address] of ADDRESSES.entries()) {
      if (from === to) continue;
      await type(host, `ip netns exec box ping -q -c 2 -i 0.1 -W 2 -M do -s ${size} ${address}`);
      await type(host, `ip netns exec box ping -q -c 2 -i 0.1 -W 2 -M dont -s 4000 ${address}`);
    }
  }
}

describe('the MTU of the network', () => {
  let lab: Lab;
  let hosts: readonly [Host, Host, Host];

  beforeAll(async () => {
    lab = await createLab({ hosts: UNDERLAY.length });
    hosts = lab.hosts as unknown as typeof hosts;
    for (const [index, host] of hosts.entries()) {
      await host.addNamespace('box');
      await type(
        host,
        `dev=$(ip -o -4 address show to ${host.address} | awk '{print $2}'); ip link set "$dev" mtu ${UNDERLAY[index]}`,
      );
      const target = index === 0 ? '' : ` ${hosts[0].address} --wait`;
      await type(host, `${LAUNCH}${target}`);
      await type(host, `mesh attach ${ADDRESSES[index]}/12 netns:/run/netns/box`);
    }
  });
  afterAll(() => lab?.destroy());

  it('is what the narrowest device takes, on all hosts, whatever their own say', async () => {
    // Measured to about a byte in a hundred.
    await agreed(hosts, mtu => mtu <= 1_230 && mtu >= 1_215);
    const [wide, middle, narrow] = hosts;
    expect(await pathMtu(middle, wide)).toBe(1_350);
    // The kernel lets through what is longer than the device at the other end says by no more than a VLAN tag.
    for (const [to, mtu] of [
      [middle, 1_350],
      [narrow, 1_230],
    ] as const) {
      const found = await pathMtu(wide, to);
      expect(found).toBeGreaterThanOrEqual(mtu - 15);
      expect(found).toBeLessThanOrEqual(mtu + 4);
    }
    await allReach(hosts);
  });

  it('follows where one host is told to keep to less, and back', async () => {
    const [, middle] = hosts;
    await type(middle, `mesh stop && ${LAUNCH} --mtu 1000 ${hosts[0].address} --wait`);
    await agreed(hosts, mtu => mtu === 1_000);
    await allReach(hosts);
    await type(middle, `mesh stop && ${LAUNCH} ${hosts[0].address} --wait`);
    await agreed(hosts, mtu => mtu <= 1_230 && mtu >= 1_215);
    await allReach(hosts);
  });
});
