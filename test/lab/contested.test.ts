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

  /**
   * Waits until one of the hosts has the address in its container's namespace, and both show that it holds it, and all claims:
   * one that came later with who was first.
   */
  async function settled(address: string, claims: number): Promise<void> {
    let said = '';
    await until(
      async () => {
        const inside = await Promise.all(lab.hosts.map(addresses));
        const has = lab.hosts
          .filter((_, index) => inside[index]!.includes(`${address}/24`))
          .map(({ name }) => name);
        const shown = (await Promise.all(lab.hosts.map(report))).map(({ endpoints }) =>
          endpoints
            .filter(endpoint => endpoint.address === address)
            .map(({ conflict, host }) => `${host.nickname} after ${conflict?.host.nickname ?? 'none'}`)
            .sort(),
        );
        said = JSON.stringify({ has, shown });
        const later = lab.hosts.map(({ name }) => name).filter(name => name !== has[0]);
        const wanted = [`${has[0]} after none`, ...later.map(name => `${name} after ${has[0]}`)].slice(
          0,
          claims,
        );
        return (
          (has.length === 1 && shown.every(each => each.join() === wanted.toSorted().join())) || undefined
        );
      },
      () => said,
    );
  }

  it('taken on two hosts at once stays with one, and both hosts show it', { timeout: 240_000 }, async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const address = `10.0.0.${round}`;
      // In some rounds neither can have heard of the other's: both are told yes.
      const apart = round % 4 === 0;
      if (apart) await lab.cut(one, two);
      const outputs = await Promise.all(lab.hosts.map(host => host.mesh(['attach', `${address}/24`, BOX])));
      if (apart) await lab.heal(one, two);
      const winners = outputs.filter(({ status }) => status === 0).length;
      expect(winners, JSON.stringify(outputs)).toBeGreaterThanOrEqual(apart ? 2 : 1);
      for (const { status, stderr } of outputs) {
        if (status !== 0)
          expect(stderr).toMatch(/^mesh: \S+ is held by box on host[12]; take another, or detach it/);
      }
      await settled(address, winners);
      await Promise.all(lab.hosts.map(host => host.mesh(['detach', BOX])));
      for (const host of lab.hosts) expect(await addresses(host)).not.toContain('10.0.0.');
    }
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
