import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Names on Docker hosts: what containers that were started with `mesh dns-args` are told. */

/** Every container of a name is killed and started again so often; the long campaign asks for more. */
const ROUNDS = Number(process.env['MESH_TEST_ROUNDS'] ?? 6);
const SECOND = 1_000;

describe('the names of Docker containers', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;
  /** The address of each host's `web`. */
  const webs: string[] = [];

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 3 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    await type(one, 'mesh launch');
    for (const host of lab.hosts.slice(1)) await type(host, 'mesh launch 192.168.48.11 --wait');
    for (const host of lab.hosts) {
      await type(host, `docker run -dit --name asker $(mesh dns-args) busybox; mesh attach asker`);
      const words = 'docker run -dit --name web $(mesh dns-args) busybox >/dev/null; mesh attach web';
      webs.push((await type(host, words)).trim());
    }
  });
  afterAll(() => lab?.destroy());

  const attached = (host: DockerHost, name: string): Promise<string> => type(host, `mesh dns-lookup ${name}`);
  /** What the name is for a container of the host, one address a line, sorted. */
  const asked = async (host: DockerHost, name: string): Promise<string[]> => {
    const { stdout } = await host.docker(['exec', 'asker', 'nslookup', '-type=a', name]);
    // What stands before the first name is the server that was asked.
    const told = stdout.includes('Name:') ? stdout.slice(stdout.indexOf('Name:')) : '';
    return [...told.matchAll(/Address: (\S+)/g)].map(([, address]) => address!).sort();
  };
  /** Waits until it is that; gives how long it took. */
  const tells = async (host: DockerHost, name: string, addresses: readonly string[]): Promise<number> => {
    const began = performance.now();
    await until(
      async () => (await asked(host, name)).join() === addresses.toSorted().join() || undefined,
      () => `${host.name} does not answer ${addresses.join(' ') || 'that there is no'} ${name}`,
    );
    return performance.now() - began;
  };
  /** At once, from the first packet on. */
  const answer = (host: DockerHost, addresses: readonly string[]) =>
    type(host, addresses.map(address => `docker exec asker ping -c 1 -W 1 ${address}`).join(' && '));

  it('are known to every container of every host, and answer', async () => {
    for (const name of ['web.mesh.internal', 'web'])
      for (const host of lab.hosts) await tells(host, name, webs);
    for (const host of lab.hosts) await answer(host, webs);
  });

  it('are those that the user gave: host name, and names in the zone', async () => {
    await type(
      one,
      'docker run -dit --name db -h store.mesh.internal $(mesh dns-args) busybox; mesh attach 10.40.1.1/24 db',
    );
    for (const name of ['db', 'store']) await tells(two, name, ['10.40.1.1']);
    expect(
      await attached(two, (await type(one, 'docker inspect -f "{{.Config.Hostname}}" asker')).trim()),
    ).toBe('');
    await type(one, 'docker rm -f db');
    for (const name of ['db', 'store']) await tells(two, name, []);
  });

  it('are asked for at the bridge of the host', async () => {
    expect(await type(one, 'mesh dns-args')).toBe('--dns=172.17.0.1 --dns-search=mesh.internal\n');
    expect(await type(one, 'docker exec asker cat /etc/resolv.conf')).toContain('nameserver 172.17.0.1');
  });

  it(`are true in ${ROUNDS} rounds of kill and start: what resolves answers, and what runs resolves`, {
    timeout: 60_000 + ROUNDS * 30_000,
  }, async () => {
    const took: Record<'here' | 'elsewhere' | 'back', number[]> = { here: [], elsewhere: [], back: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const index = round % lab.hosts.length;
      const host = lab.hosts[index]!;
      await type(host, 'docker kill web');
      const left = webs.filter((_, other) => other !== index);
      took.here.push(await tells(host, 'web', left));
      for (const other of lab.hosts) took.elsewhere.push(await tells(other, 'web', left));
      for (const other of lab.hosts) await answer(other, left);
      await type(host, 'docker start web');
      for (const other of lab.hosts) took.back.push(await tells(other, 'web', webs));
      for (const other of lab.hosts) await answer(other, webs);
    }
    // Other work on this machine makes it slower, never faster: what counts is the best.
    expect(Math.min(...took.here)).toBeLessThan(SECOND);
    expect(Math.min(...took.elsewhere, ...took.back)).toBeLessThan(2 * SECOND);
  });
});
