import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Two hosts of a mesh, the first with a leg in it, and a machine outside of it: who must not be heard, and where. */

const LAUNCH = 'mesh launch --native --no-dns';
const BOX = '10.32.0.2';
const LEG = '10.32.0.1';
/** Of the default network. */
const VNI = 6784;
const CONTROL = 6783;
const OTHER = 8080;
const FORGED = '10.32.0.99';
/** Tells what is sent here from all else. */
const LENGTH = 700;
const FRAMES = 20;

const inBox = 'ip netns exec box';

/** How many packets came that are like that, before any rule of ours and whatever becomes of them. */
async function counted(host: Host, where: string, what: string): Promise<() => Promise<number>> {
  await type(
    host,
    `${where} nft 'add table ip lab; add chain ip lab in { type filter hook prerouting priority -350; };
      add counter ip lab seen; add rule ip lab in ${what} counter name seen'`,
  );
  return async () => {
    const listed = await type(
      host,
      `${where} nft list counter ip lab seen; ${where} nft delete table ip lab`,
    );
    return Number(/packets (\d+)/.exec(listed)?.[1]);
  };
}

async function dropped(host: Host): Promise<number> {
  const table = await type(host, 'nft list counter ip mesh strangers');
  return Number(/packets (\d+)/.exec(table)?.[1]);
}

/** Whether a TCP connection is made from the container. */
async function connects(host: Host, address: string, port: number): Promise<boolean> {
  const line = `${inBox} timeout 2 bash -c '</dev/tcp/${address}/${port}'`;
  return (await host.exec(['sh', '-c', line])).status === 0;
}

/** Datagrams of a length that nothing else has. */
const send = (host: Host, where: string, address: string, port: number): Promise<string> =>
  type(
    host,
    `for n in $(seq ${FRAMES}); do ${where} bash -c 'head -c ${LENGTH - 28} /dev/zero > /dev/udp/${address}/${port}'; done`,
  );

describe('on the wire', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let outside: Host;

  beforeAll(async () => {
    lab = await createLab({ hosts: 3 });
    [one, two, outside] = lab.hosts as [Host, Host, Host];
    await type(one, LAUNCH);
    await type(two, `${LAUNCH} ${one.address} --wait`);
    await type(one, `mesh expose ${LEG}/12`);
    await one.addNamespace('box');
    await type(one, `mesh attach ${BOX}/12 netns:/run/netns/box; ip -n box route add default via ${LEG}`);
    for (const host of [one, two])
      await host.spawn([
        process.execPath,
        '-e',
        `require('net').createServer(s => s.end()).listen(${OTHER})`,
      ]);
    await until(
      async () => (await connects(one, two.address, OTHER)) || undefined,
      () => 'the container gets out by the leg',
    );
  });
  afterAll(() => lab?.destroy());

  it('frames of a machine outside are dropped, and counted', async () => {
    await type(
      outside,
      `ip link add vx type vxlan id ${VNI} remote ${one.address} dstport 6784 nolearning
       ip address add ${FORGED}/12 dev vx
       ip link set vx up
       ip neighbour add ${BOX} dev vx lladdr $(echo ${await type(one, `${inBox} cat /sys/class/net/ethmesh/address`)})`,
    );
    const before = await dropped(one);
    const arrived = await counted(one, '', `ip saddr ${outside.address} udp dport 6784`);
    const inside = await counted(one, inBox, `ip saddr ${FORGED}`);
    await outside.exec(['ping', '-c', `${FRAMES}`, '-i', '0.05', '-W', '1', BOX]);
    expect(await inside()).toBe(0);
    const came = await arrived();
    expect(came).toBeGreaterThanOrEqual(FRAMES);
    expect((await dropped(one)) - before).toBeGreaterThanOrEqual(FRAMES);
    await type(outside, 'ip link delete vx');
  });

  it('nobody outside is sent on to where a host relays', async () => {
    const port = await until(
      async () => {
        const listed = await type(two, 'nft list map ip mesh relay_hosts');
        return /(\d+) : /.exec(listed)?.[1];
      },
      () => 'the second relays to the first',
    );
    const arrived = await counted(two, '', `ip saddr ${outside.address} udp dport ${port}`);
    const sentOn = await counted(one, '', `ip saddr ${two.address} meta length ${LENGTH}`);
    await send(outside, '', two.address, Number(port));
    expect(await sentOn()).toBe(0);
    expect(await arrived()).toBe(FRAMES);
  });

  it('a container that gets out by the leg reaches no control port', async () => {
    expect(await connects(one, LEG, OTHER)).toBe(true);
    for (const address of [LEG, one.address, two.address])
      expect([address, await connects(one, address, CONTROL)]).toEqual([address, false]);
    const control = await ask(`/proc/${one.pid}/root/run/mesh/mesh.sock`, 'report');
    expect(control.ok && control.value.peers.length).toBe(2);
  });

  it('a container passes nothing for a frame of its host', async () => {
    const left = await counted(one, '', `iifname mesh udp dport 6784 meta length ${LENGTH}`);
    const arrived = await counted(two, '', `udp dport 6784 meta length ${LENGTH}`);
    await send(one, inBox, two.address, 6784);
    await send(one, inBox, one.address, 6784);
    expect(await arrived()).toBe(0);
    expect(await left()).toBe(2 * FRAMES);
  });

  it('a container reaches neither sockets of routers nor the control network', async () => {
    expect(await type(one, 'ss -Hlx')).toContain('/run/mesh/mesh.sock');
    expect(await type(one, `${inBox} ss -Hlx`)).toBe('');
    const shown = await type(one, 'nsenter --net=/run/mesh/switch ip -4 -o address');
    const control = /inet (100\.[\d.]+)/.exec(shown)?.[1];
    const ping = `ping -q -c 1 -W 1 ${control}`;
    await type(
      one,
      `nsenter --net=/run/mesh/switch ip link set lo up; nsenter --net=/run/mesh/switch ${ping}`,
    );
    expect((await one.exec(['sh', '-c', `${inBox} ${ping}`])).status).toBe(1);
  });
});
