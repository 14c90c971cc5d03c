import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/core/report.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { type } from '../support/lab/shell.ts';

/** The address that every host answers for by itself: the last of the subnet that containers get theirs of. */

const BOX = 'netns:/run/netns/box';
const SERVICE = '10.64.8.254';
const LAUNCH = 'mesh launch --native --ipalloc-range 10.64.0.0/12 --ipalloc-default-subnet 10.64.8.0/24';

const inBox = (host: Host, line: string): Promise<string> => type(host, `ip netns exec box ${line}`);

describe('the service address', () => {
  let lab: Lab;
  let hosts: readonly [Host, Host];

  beforeAll(async () => {
    lab = await createLab({ hosts: 2 });
    const [one, two] = lab.hosts as [Host, Host];
    hosts = [one, two];
    for (const host of hosts) await host.addNamespace('box');
    await type(one, LAUNCH);
    await type(two, `${LAUNCH} 192.168.48.11 --wait`);
    for (const host of hosts) await type(host, `mesh attach ${BOX}`);
  });
  afterAll(() => lab?.destroy());

  const answers = async (): Promise<void> => {
    const macs = new Set<string>();
    for (const host of hosts) {
      await inBox(host, 'ip neighbour flush dev ethmesh');
      expect(await inBox(host, `ping -q -c 3 -i 0.01 -W 2 ${SERVICE}`)).toContain(' 0% packet loss');
      macs.add(/lladdr (\S+)/.exec(await inBox(host, `ip neighbour show ${SERVICE}`))?.[1] ?? '');
    }
    expect(macs.size).toBe(1);
  };

  it('follows the default subnet, and answers on every host with one MAC', async () => {
    await answers();
    for (const host of hosts) {
      const { networks } = JSON.parse(await type(host, 'mesh report')) as Report;
      expect(networks[0]?.subnets).toEqual(['10.64.8.0/24']);
      expect(await type(host, 'mesh status dataplane')).toContain(` service ${SERVICE}/24 `);
    }
  });

  it('is answered by the own host alone', async () => {
    const [one, two] = hosts;
    await lab.cut(one, two);
    await answers();
    await lab.heal(one, two);
  });

  it('is given to nobody', async () => {
    const why = "can't be given to a container: it is the address of the mesh itself, on every host";
    await expectRefused(hosts[1], {
      command: `mesh attach ${SERVICE}/24 ${BOX}`,
      status: 1,
      says: `${SERVICE} ${why}`,
    });
    await expectRefused(hosts[0], {
      command: `mesh expose ${SERVICE}/24`,
      status: 1,
      says: `${SERVICE} ${why}`,
    });
  });

  it('answers on while no router runs, and when one has come back', async () => {
    for (const host of hosts) await type(host, 'mesh stop');
    await answers();
    await type(hosts[0], `${LAUNCH} 192.168.48.12`);
    await type(hosts[1], `${LAUNCH} 192.168.48.11 --wait`);
    await answers();
  });
});
