import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from './lab/host.ts';
import type { Lab } from './lab/lab.ts';
import { hostTraces, type } from './lab/shell.ts';
import { until } from './until.ts';

/** Where the README's example is played: what it takes there to have containers. */
export interface Stage {
  create(options: { readonly hosts: number }): Promise<Lab>;
  /** How a router is started, e.g. `mesh launch --native`. */
  readonly launch: string;
  /** What changes a host for good the first time, whoever does it. */
  readonly settle: string;
  /** The commands that start, name to `mesh attach`, enter and remove a container. */
  start(name: string): string;
  reference(name: string): string;
  enter(name: string): string;
  remove(name: string): string;
}

const PEER = /([0-9a-f]{2}:){5}[0-9a-f]{2}\(host[123]\)/.source;
const ADDRESS = /192\.168\.48\.1[123]:\d+/.source;
const CONNECTION = new RegExp(`^(<-|->) ${ADDRESS} +established +fastdp +${PEER} +(\\S+ +)*mtu=1450`);
const PEER_CONNECTION = new RegExp(`^ {3}(<-|->) ${ADDRESS} +${PEER} +established$`);

const linesOf = (text: string) => text.trimEnd().split('\n');

/** Three hosts become one network, as in the README, line by line; then they are left as they were found. */
export function playSession(title: string, stage: Stage): void {
  describe(title, () => {
    let lab: Lab;
    let before: readonly string[];
    const host = (number: number): Host => lab.hosts[number - 1]!;

    beforeAll(async () => {
      lab = await stage.create({ hosts: 3 });
      for (const each of lab.hosts) await type(each, stage.settle);
      before = await Promise.all(lab.hosts.map(hostTraces));
    });
    afterAll(() => lab?.destroy());

    const launch = async () => {
      await type(host(1), stage.launch);
      await type(host(2), `${stage.launch} 192.168.48.11`);
      await type(host(3), `${stage.launch} 192.168.48.12`);
    };

    it('launches a router on each host, which finds the others from one address', launch);

    it('attaches containers and prints their addresses', async () => {
      const attach = async (number: number, address: string, name: string) => {
        await type(host(number), stage.start(name));
        return type(host(number), `mesh attach ${address}/24 ${stage.reference(name)}`);
      };
      expect(await attach(1, '10.0.0.11', 'box1')).toBe('10.0.0.11\n');
      expect(await attach(3, '10.0.0.12', 'box2')).toBe('10.0.0.12\n');
    });

    it('carries frames between them at once, in both directions', async () => {
      const there = await type(host(1), `${stage.enter('box1')} ping -c 2 10.0.0.12`);
      expect(there).toMatch(/, 0% packet loss/);
      const back = await type(host(3), `${stage.enter('box2')} ping -c 2 10.0.0.11`);
      expect(back).toMatch(/, 0% packet loss/);
    });

    it('shows the connections of a router', async () => {
      let shown = '';
      await until(
        async () => {
          shown = await type(host(1), 'mesh status connections');
          const lines = linesOf(shown);
          return (lines.length === 2 && lines.every(line => CONNECTION.test(line))) || undefined;
        },
        () => shown,
      );
      expect(shown).toMatch(/\(host2\)[\s\S]*\(host3\)/);
    });

    it('shows all peers with their connections', async () => {
      let shown = '';
      await until(
        async () => {
          shown = await type(host(1), 'mesh status peers');
          const peers = linesOf(shown).filter(line => new RegExp(`^${PEER}$`).test(line));
          const connections = linesOf(shown).filter(line => PEER_CONNECTION.test(line));
          return (peers.length === 3 && connections.length === 6) || undefined;
        },
        () => shown,
      );
      expect(linesOf(shown)[0]).toContain('(host1)');
      expect(linesOf(shown)).toHaveLength(9);
    });

    it('keeps carrying frames while no router runs', async () => {
      for (const each of lab.hosts) await type(each, 'mesh stop');
      expect((await host(1).mesh(['status'])).status).toBe(7);
      const ping = await type(host(1), `${stage.enter('box1')} ping -c 2 10.0.0.12`);
      expect(ping).toMatch(/, 0% packet loss/);
    });

    it('takes up what it left when the routers come back', async () => {
      await launch();
      const ping = await type(host(3), `${stage.enter('box2')} ping -c 2 10.0.0.11`);
      expect(ping).toMatch(/, 0% packet loss/);
      let endpoints = '';
      await until(
        async () => {
          endpoints = await type(host(1), 'mesh status endpoints');
          return /10\.0\.0\.11[\s\S]*10\.0\.0\.12/.test(endpoints) || undefined;
        },
        () => endpoints,
      );
    });

    it('leaves every host as it was after a reset', async () => {
      expect(await type(host(1), 'mesh reset')).toContain('10.0.0.11');
      await type(host(2), 'mesh reset');
      expect(await type(host(3), 'mesh reset')).toContain('10.0.0.12');
      await type(host(1), stage.remove('box1'));
      await type(host(3), stage.remove('box2'));
      for (const [index, each] of lab.hosts.entries()) {
        await expect.poll(() => hostTraces(each), { timeout: 60_000 }).toBe(before[index]);
      }
    });
  });
}
