import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '../support/lab/command.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { IN_BOX, LAUNCH, pathTo } from '../support/vm/encrypted-mesh.ts';

/** Three hosts of a mesh with a password: the first two trust each other, and the first trusts the third, too. */

const ADDRESSES = ['10.32.0.1', '10.32.0.2', '10.32.0.3'] as const;
const TRUSTS = ['192.168.48.12/32,192.168.48.13/32', '192.168.48.11/32', ''] as const;

/** How many frames have left for that host as they are. */
async function plain(host: Host, to: Host): Promise<number> {
  return Number(/packets (\d+)/.exec(await type(host, `nft list counter ip lab ${to.name}`))?.[1]);
}

describe('a mesh with a password, in which some hosts trust each other', () => {
  let lab: Lab;
  let hosts: readonly [Host, Host, Host];

  beforeAll(async () => {
    await succeed(['modprobe', 'wireguard']);
    lab = await createLab({ hosts: 3 });
    hosts = lab.hosts as unknown as typeof hosts;
    await Promise.all(
      hosts.map(async (host, index) => {
        const counters = hosts.map(to => `add counter ip lab ${to.name}`).join('; ');
        const rules = hosts.map(
          to =>
            `add rule ip lab out ip daddr ${to.address} udp dport 6784 @th,64,8 8 counter name ${to.name}`,
        );
        await type(
          host,
          `umask 077; echo correct horse > /root/password
           nft 'add table ip lab; ${counters}
             add chain ip lab out { type filter hook postrouting priority 0; }
             ${rules.join('\n')}'
           ${LAUNCH} ${TRUSTS[index] && `--trusted-subnets ${TRUSTS[index]}`} 192.168.48.11`,
        );
        await host.addNamespace('box');
        await type(host, `mesh attach ${ADDRESSES[index]}/12 netns:/run/netns/box`);
      }),
    );
  });
  afterAll(() => lab?.destroy());

  it('sends plain only where both say so, and tells of the others', async () => {
    const [one, two, three] = hosts;
    const isUp = ({ mtu }: { mtu: number | undefined }): boolean => mtu !== undefined;
    expect(await pathTo(one, two, isUp)).toMatchObject({ protection: 'trusted' });
    expect(await pathTo(two, three, isUp)).toMatchObject({ protection: 'encrypted' });
    expect(await pathTo(one, three, isUp)).toMatchObject({
      protection: 'encrypted',
      why: 'its --trusted-subnets do not name this host: encrypted',
    });
    expect(await pathTo(three, one, isUp)).toMatchObject({
      protection: 'encrypted',
      why: "this host's --trusted-subnets do not name it: encrypted",
    });
    const before = await plain(one, two);
    for (const from of hosts)
      for (const address of ADDRESSES) await type(from, `${IN_BOX} ping -q -c 3 -i 0.2 -W 3 ${address}`);
    expect(await plain(one, two)).toBeGreaterThan(before + 3);
    for (const [from, to] of [
      [one, three],
      [two, three],
      [three, one],
      [three, two],
    ] as const)
      expect([from.name, to.name, await plain(from, to)]).toEqual([from.name, to.name, 0]);
  });

  it('takes each broadcast to each host once', async () => {
    const [one] = hosts;
    for (const host of hosts)
      await type(
        host,
        `${IN_BOX} nft 'add table ip lab; add counter ip lab heard
           add chain ip lab in { type filter hook prerouting priority 0; }
           add rule ip lab in ip daddr 239.1.2.3 counter name heard'`,
      );
    await one.exec(['sh', '-c', `${IN_BOX} ping -q -c 5 -i 0.2 -W 1 -t 4 239.1.2.3`]);
    for (const host of hosts.slice(1))
      expect([host.name, await type(host, `${IN_BOX} nft list counter ip lab heard`)]).toEqual([
        host.name,
        expect.stringContaining('packets 5 '),
      ]);
  });
});
