import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Report } from '../../src/core/report.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { drop, socketOf } from '../support/lab/paths.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** A network whose frames are sealed, in a mesh whose others go as they are. */

const LAUNCH = 'mesh launch --native --no-dns';
/** Where the VNI stands in what follows the UDP header's begin, in bits (RFC 7348). */
const VNI_AT = '@th,96,24';
const OPEN = 6784;

describe('an encrypted network in a mesh without a password', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let vni: number;
  let address: string;

  async function reaches(from: Host, to: string): Promise<boolean> {
    const ping = ['ip', 'netns', 'exec', 'box', 'ping', '-c', '3', '-i', '0.2', '-W', '1', to];
    return (await from.exec(ping)).status === 0;
  }

  /** How many frames of each network have left as they are. */
  async function inClear(host: Host): Promise<{ readonly open: number; readonly secret: number }> {
    const count = async (name: string): Promise<number> =>
      Number(/packets (\d+)/.exec(await type(host, `nft list counter ip lab ${name}`))?.[1]);
    return { open: await count('open'), secret: await count('secret') };
  }

  const attach = async (host: Host, network: string): Promise<string> =>
    (await type(host, `mesh attach --network ${network} netns:/run/netns/box`)).trim();

  beforeAll(async () => {
    lab = await createLab({ hosts: 2 });
    [one, two] = lab.hosts as [Host, Host];
    await type(one, LAUNCH);
    await type(two, `${LAUNCH} ${one.address} --wait`);
    expect(await type(one, 'mesh network create secret --encrypted --subnet 10.40.0.0/16')).toBe(
      'secret 10.40.0.0/16\n',
    );
    const { networks } = JSON.parse(await type(one, 'mesh report')) as Report;
    vni = networks.find(({ name }) => name === 'secret')!.vni;
    for (const host of [one, two]) {
      await type(
        host,
        `nft 'add table ip lab; add counter ip lab open; add counter ip lab secret
           add chain ip lab out { type filter hook postrouting priority 0; }
           add rule ip lab out udp dport 6784 ${VNI_AT} ${OPEN} counter name open
           add rule ip lab out udp dport 6784 ${VNI_AT} ${vni} counter name secret'`,
      );
      await host.addNamespace('box');
    }
    await attach(one, 'secret');
    address = await attach(two, 'secret');
  });
  afterAll(() => lab?.destroy());

  it('is reached, and none of its frames leaves as it is, while those of others do', async () => {
    await until(
      async () => (await reaches(one, address)) || undefined,
      () => `${address} is reached`,
    );
    expect(await type(one, `ip netns exec box ping -c 3 -i 0.2 -W 1 -s 1400 ${address}`)).toContain(' 0% ');
    await attach(one, 'mesh');
    const other = await attach(two, 'mesh');
    expect(await reaches(one, other)).toBe(true);
    const counted = await inClear(one);
    expect(counted.secret).toBe(0);
    expect(counted.open).toBeGreaterThan(0);
    expect(await type(two, 'mesh network ls')).toMatch(/^secret .*2 endpoints, encrypted$/m);
    expect(await type(two, 'mesh network inspect secret')).toMatch(/^encrypted +yes$/m);
  });

  it('takes nothing that comes as it is, even from a peer', async () => {
    const mac = (await type(one, 'ip netns exec box cat /sys/class/net/eth-secret/address')).trim();
    const target = /10\.40\.\d+\.\d+/.exec(
      await type(one, 'ip netns exec box ip -4 -o address show dev eth-secret'),
    )![0];
    const heard = 'ip netns exec box nft';
    await type(
      one,
      `${heard} 'add table ip lab; add counter ip lab forged; add chain ip lab in { type filter hook prerouting priority -350; }
         add rule ip lab in ip saddr 10.40.9.9 counter name forged'
       nft 'add counter ip lab came; add chain ip lab in { type filter hook prerouting priority -350; }
         add rule ip lab in udp dport 6784 ${VNI_AT} ${vni} counter name came'`,
    );
    await type(
      two,
      `ip link add forged type vxlan id ${vni} local ${two.address} remote ${one.address} dstport 6784
       ip address add 10.40.9.9/16 dev forged; ip link set forged up
       ip neighbour add ${target} lladdr ${mac} dev forged
       ping -c 5 -i 0.2 -W 1 -I 10.40.9.9 ${target} || true; ip link delete forged`,
    );
    expect(await type(one, 'nft list counter ip lab came')).toMatch(/packets [1-9]/);
    expect(await type(one, `${heard} list counter ip lab forged`)).toContain('packets 0 ');
  });

  it('is silent where the routers do not reach one another, and goes on when they do', async () => {
    for (const host of [one, two]) await drop(host, host === one ? two : one, 'udp dport 6783');
    expect(await reaches(one, address)).toBe(false);
    for (const host of [one, two]) await type(host, 'nft delete chain ip lab in');
    await until(
      async () => (await reaches(one, address)) || undefined,
      () => `${address} is reached again`,
    );
    expect((await inClear(one)).secret).toBe(0);
  });

  it('is as it was when a router was killed and starts again', async () => {
    const health = await ask(socketOf(one), 'health');
    await type(one, `kill -9 ${health.ok && health.value.pid}`);
    expect(await reaches(one, address)).toBe(false);
    await type(one, `${LAUNCH} ${two.address} --wait`);
    await until(
      async () => (await reaches(one, address)) || undefined,
      () => `${address} is reached again`,
    );
    expect((await inClear(one)).secret).toBe(0);
  });
});
