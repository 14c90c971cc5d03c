import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Two hosts whose mesh has a password, on this machine's kernel: one that can encrypt, or one whose routers have to. */

const LAUNCH = 'mesh launch --native --no-dns';
const BOXES = ['10.32.0.1', '10.32.0.2'] as const;
/** The first byte of a VXLAN header (RFC 7348); messages of WireGuard begin with 1 to 4. */
const PLAIN = 'udp dport 6784 @th,64,8 8';

/** How many frames have left this host as they are. */
async function plain(host: Host): Promise<number> {
  return Number(/packets (\d+)/.exec(await type(host, 'nft list counter ip lab plain'))?.[1]);
}

async function reaches(host: Host, address: string): Promise<boolean> {
  const ping = ['ping', '-c', '3', '-i', '0.2', '-W', '1', address];
  return (await host.exec(['ip', 'netns', 'exec', 'box', ...ping])).status === 0;
}

function shows(host: Host, words: string): Promise<string> {
  return until(
    async () => {
      const shown = await type(host, 'mesh status connections');
      return shown.includes(words) ? shown : undefined;
    },
    () => `the connections say: ${words}`,
  );
}

describe('a mesh with a password', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let canEncrypt: boolean;

  beforeAll(async () => {
    lab = await createLab({ hosts: 2 });
    [one, two] = lab.hosts as [Host, Host];
    canEncrypt = (await one.exec(['ip', 'link', 'add', 'try', 'type', 'wireguard'])).status === 0;
    for (const host of [one, two])
      await type(
        host,
        `umask 077; echo correct horse > /root/password
         nft 'add table ip lab; add counter ip lab plain
           add chain ip lab out { type filter hook postrouting priority 0; }
           add rule ip lab out ${PLAIN} counter name plain'`,
      );
    await type(one, `${LAUNCH} --password-file /root/password`);
    await type(two, `${LAUNCH} --password-file /root/password ${one.address} --wait`);
    for (const [index, host] of [one, two].entries()) {
      await host.addNamespace('box');
      await type(host, `mesh attach ${BOXES[index]}/12 netns:/run/netns/box`);
    }
  });
  afterAll(() => lab?.destroy());

  it('sends what is encrypted, and the status says by whom', async () => {
    await shows(one, ' encrypted ');
    if (!canEncrypt) await shows(one, '(this kernel has no WireGuard)');
    expect(await reaches(one, BOXES[1])).toBe(true);
    expect(await type(one, 'mesh ps')).toContain(BOXES[0]);
    expect([await plain(one), await plain(two)]).toEqual([0, 0]);
  });

  it('is told apart from one without by name, and hears nothing of it', async () => {
    await type(two, `mesh stop; ${LAUNCH} ${one.address}`);
    await shows(two, 'password');
    expect(await reaches(two, BOXES[0])).toBe(false);
    expect(await plain(one)).toBe(0);
  });
});
