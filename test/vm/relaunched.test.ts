import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '../support/lab/command.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { startProbe } from '../support/lab/probe.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';
import { BOXES, LAUNCH, pathTo, reaches } from '../support/vm/encrypted-mesh.ts';

const PLAIN = 'mesh launch --native --no-dns --no-plugin';
const CONTROL = 6783;

/** How many frames leave this host as they are, from now on. */
async function plain(host: Host): Promise<number> {
  return Number(/packets (\d+)/.exec(await type(host, 'nft reset counter ip lab plain'))?.[1]);
}

describe('hosts that are launched again, with a password or without', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;

  const reach = (): Promise<true> =>
    until(
      async () => (await reaches(one)) || undefined,
      () => 'containers reach each other',
      60_000,
    );

  beforeAll(async () => {
    await succeed(['modprobe', 'wireguard']);
    lab = await createLab({ hosts: 2 });
    [one, two] = lab.hosts as [Host, Host];
    for (const [index, host] of [one, two].entries()) {
      await type(
        host,
        `umask 077; echo correct horse > /root/password
         nft 'add table ip lab; add counter ip lab plain
           add chain ip lab out { type filter hook postrouting priority 0; }
           add rule ip lab out udp dport 6784 @th,64,8 8 counter name plain'
         ${PLAIN} 192.168.48.11`,
      );
      await host.addNamespace('box');
      await type(host, `mesh attach ${BOXES[index]}/12 netns:/run/netns/box`);
    }
    await reach();
  });
  afterAll(() => lab?.destroy());

  it('send no frame plain from when one of them is asked not to, and encrypted once both are', async () => {
    const probe = await startProbe(one, 'box', BOXES[1], undefined, 50);
    expect(await plain(one)).toBeGreaterThan(0);
    await type(one, `mesh stop; ${LAUNCH} 192.168.48.12`);
    await plain(one);
    expect(await reaches(one)).toBe(false);
    expect(await plain(one)).toBe(0);
    await type(two, `mesh stop; ${LAUNCH} 192.168.48.11`);
    await pathTo(one, two, ({ mtu, protection }) => mtu === 1_390 && protection === 'encrypted');
    await reach();
    expect(await plain(one)).toBe(0);
    await probe.stop();
  });

  it('send plain again when both are asked for nothing else', async () => {
    await type(one, `mesh stop; ${PLAIN} 192.168.48.12`);
    await type(two, `mesh stop; ${PLAIN} 192.168.48.11`);
    await pathTo(one, two, ({ mtu }) => mtu === 1_450);
    await reach();
    expect(await plain(one)).toBeGreaterThan(0);
    expect(await type(one, 'nsenter --net=/run/mesh/switch ip -brief link')).not.toContain('mesh-wg');
  });

  it('are told of a port for tunnels that another program has', async () => {
    const open = `dgram.createSocket('udp4').bind(${CONTROL}, () => console.log('open'))`;
    const other = await two.spawn([process.execPath, '-e', open]);
    await until(
      () => other.stdout().includes('open') || undefined,
      () => 'the port is not open',
    );
    await type(two, 'mesh stop');
    const { status, stderr } = await two.mesh(
      LAUNCH.split(' ').slice(1).concat('--trusted-subnets', '192.168.48.0/24'),
    );
    expect(status).toBe(1);
    expect(stderr).toContain(`udp port ${CONTROL} is in use on this host; free it or choose another`);
    await other.stop('KILL');
  });
});
