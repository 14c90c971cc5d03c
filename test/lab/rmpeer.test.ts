import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IpamReport, Report } from '../../src/core/report.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** What becomes of the addresses of a host that is gone for good. */

const BOX = 'netns:/run/netns/box';
const NAME = '([0-9a-f]{2}:){5}[0-9a-f]{2}';

const ipamOf = async (host: Host): Promise<IpamReport> =>
  (JSON.parse(await type(host, 'mesh report')) as Report).ipam!;
const sharesOf = async (host: Host): Promise<string> =>
  (await ipamOf(host)).shares
    .map(({ peer, addresses }) => `${peer.nickname} ${addresses}`)
    .sort()
    .join(', ');

describe('a host that is gone for good', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let three: Host;
  let lost: string;

  beforeAll(async () => {
    lab = await createLab({ hosts: 3 });
    [one, two, three] = lab.hosts as [Host, Host, Host];
    for (const host of lab.hosts) await host.addNamespace('box');
    await type(one, 'mesh launch --native');
    for (const host of [two, three]) await type(host, 'mesh launch --native 192.168.48.11 --wait');
    for (const host of [one, two]) await type(host, `mesh attach ${BOX}`);
    lost = (await type(three, `mesh attach ${BOX}`)).trim();
    const both = async () => ((await sharesOf(one)) === (await sharesOf(two)) ? true : undefined);
    await until(both, () => 'host1 and host2 differ about who holds what');
  });
  afterAll(() => lab?.destroy());

  it('is not removed while it lives, or by a name that nobody has', async () => {
    await expectRefused(
      one,
      {
        command: 'mesh rmpeer host3',
        status: 1,
        says: 'host3 is not gone: its router is connected; end it there with "mesh reset", or pass --force',
      },
      {
        command: 'mesh rmpeer host1',
        status: 1,
        says: 'host1 is not gone: it is this router itself; end it there with "mesh reset", or pass --force',
      },
      {
        command: 'mesh rmpeer host9',
        status: 1,
        says: 'no peer "host9" is known; "mesh status peers" lists them',
      },
    );
  });

  it('is removed on two hosts at once, with one result', async () => {
    await three.end();
    await until(
      async () => (/\(host3\).*unreachable/.test(await type(one, 'mesh status ipam')) ? true : undefined),
      () => 'host3 is not shown as unreachable',
      60_000,
    );
    const said = await Promise.all([one, two].map(host => type(host, 'mesh rmpeer --force host3')));
    const line = new RegExp(`^\\d+ IPs of ${NAME}\\(host3\\) go to ${NAME}\\(host[12]\\)`);
    for (const output of said) expect(output).toMatch(line);
    await until(
      async () => {
        const [left, right] = await Promise.all([one, two].map(sharesOf));
        return (left === right && !left?.includes('host3')) || undefined;
      },
      () => 'host1 and host2 differ about who has what host3 had',
    );
    const total = (await ipamOf(one)).shares.reduce((sum, { addresses }) => sum + addresses, 0);
    expect(total).toBe(2 ** 20);
    expect(await type(one, 'mesh status peers')).not.toContain('host3');
  });

  it('leaves an address that nobody else gets for a while', async () => {
    await expectRefused(one, {
      command: `mesh attach ${lost}/12 ${BOX}`,
      status: 1,
      says: /^10\.[\d.]+ was given to a container of a removed host, which may still use it: it is free in \d+ s; take another$/,
    });
  });
});
