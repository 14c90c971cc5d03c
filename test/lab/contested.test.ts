import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/core/report.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

const ROUNDS = 20;
const BOX = 'netns:/run/netns/box';

const report = async (host: Host): Promise<Report> => JSON.parse(await type(host, 'mesh report'));
const addresses = (host: Host) => type(host, 'ip -netns box -4 -oneline address');

describe('an address', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;

  beforeAll(async () => {
    lab = await createLab({ hosts: 2 });
    [one, two] = lab.hosts as [Host, Host];
    for (const host of lab.hosts) await host.addNamespace('box');
    await type(one, 'mesh launch --native');
    await type(two, 'mesh launch --native 192.168.48.11 --wait');
  });
  afterAll(() => lab?.destroy());

  /** Which hosts have the address in their container's namespace, once both reports agree on who holds it. */
  async function settled(address: string): Promise<{ holder: string; has: readonly string[] }> {
    let said = '';
    return until(
      async () => {
        const reports = await Promise.all(lab.hosts.map(report));
        const holders = reports.map(({ endpoints }) => {
          const claims = endpoints.filter(endpoint => endpoint.address === address);
          return claims.filter(claim => claim.conflict === undefined).map(claim => claim.host.nickname);
        });
        const inside = await Promise.all(lab.hosts.map(addresses));
        const has = lab.hosts
          .filter((_, index) => inside[index]!.includes(`${address}/24`))
          .map(({ name }) => name);
        said = JSON.stringify({ holders, has });
        const [holder] = holders[0]!;
        const agreed = holders.every(each => each.length === 1 && each[0] === holder);
        return agreed && holder !== undefined && has.join() === holder ? { holder, has } : undefined;
      },
      () => said,
    );
  }

  it('taken on two hosts at once stays with one, and both hosts show it', { timeout: 120_000 }, async () => {
    let both = 0;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const address = `10.0.0.${round}`;
      const outputs = await Promise.all(lab.hosts.map(host => host.mesh(['attach', `${address}/24`, BOX])));
      const winners = outputs.filter(({ status }) => status === 0).length;
      expect(winners, JSON.stringify(outputs)).toBeGreaterThan(0);
      for (const { status, stderr } of outputs) {
        if (status !== 0)
          expect(stderr).toMatch(/^mesh: \S+ is held by box on host[12]; take another, or detach it/);
      }
      if (winners === 2) both += 1;
      const { holder } = await settled(address);
      for (const host of lab.hosts) {
        const shown = (await report(host)).endpoints.filter(endpoint => endpoint.address === address);
        // The claim that came later is shown with who was first.
        expect(shown.map(({ conflict }) => conflict?.host.nickname ?? 'none').sort()).toEqual(
          winners === 2 ? [holder, 'none'] : ['none'],
        );
      }
      await Promise.all(lab.hosts.map(host => host.mesh(['detach', BOX])));
      for (const host of lab.hosts) expect(await addresses(host)).not.toContain('10.0.0.');
    }
    expect(both, 'rounds in which both were told yes').toBeGreaterThan(0);
  });

  it('comes back to a namespace that is deleted and made anew, with the router up and down', async () => {
    await type(one, `mesh attach 10.0.0.51/24 ${BOX}`);
    const isAttached = (wanted: boolean) =>
      until(
        async () => {
          const [inside, seen] = [await addresses(one), await type(two, 'mesh status endpoints')];
          return [inside, seen].every(text => text.includes('10.0.0.51') === wanted) || undefined;
        },
        () => `attached is not ${wanted}`,
      );
    await isAttached(true);
    await type(one, 'mesh stop; ip netns delete box; ip netns add box; mesh launch --native 192.168.48.12');
    await isAttached(true);
    await type(one, 'mesh stop; ip netns delete box; mesh launch --native 192.168.48.12');
    await until(
      async () => !(await type(two, 'mesh status endpoints')).includes('10.0.0.51') || undefined,
      () => 'host2 still shows it',
    );
    await type(one, 'ip netns add box');
    expect(await type(one, `mesh attach 10.0.0.51/24 ${BOX}`)).toBe('10.0.0.51\n');
    await isAttached(true);
    await type(one, 'ip netns delete box; ip netns add box');
    await isAttached(true);
  });
});
