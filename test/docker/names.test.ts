import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Asker, openAsker } from '../support/dns/asker.ts';
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

  it('that are not ours are asked for where the host asks now, also by a router in a container', async () => {
    const [, , three] = lab.hosts as [DockerHost, DockerHost, DockerHost];
    const write = (address: string) =>
      type(three, `echo nameserver ${address} >/run/dns/new; mv /run/dns/new /run/dns/resolv.conf`);
    await type(three, 'mkdir /run/dns; ln -s dns/resolv.conf /run/link.conf');
    await write('192.0.2.1');
    await type(three, 'mesh stop; mesh launch --resolv-conf /run/link.conf 192.168.48.11 --wait');
    expect(await type(three, 'mesh status')).toMatch(/Service: dns[\s\S]*Upstream: 192\.0\.2\.1\n/);
    await write('192.0.2.2');
    let status = '';
    await until(
      async () => {
        status = await type(three, 'mesh status');
        return /Upstream: 192\.0\.2\.2\n/.test(status) || undefined;
      },
      () => status,
    );
  });

  it(`are true in ${ROUNDS} rounds of kill and start: what resolves answers, and what runs resolves`, {
    timeout: 60_000 + ROUNDS * 30_000,
  }, async () => {
    const askers = await Promise.all(lab.hosts.map(askerOn));
    const ends = new Map<string, { from: number; to: number }>();
    const watches = lab.hosts.map((host, index) => watch(host, askers[index]!, ends));
    /** Until every host says so; gives how long each took. */
    const all = (addresses: readonly string[]) =>
      Promise.all(askers.map(asker => heard(asker, addresses.toSorted().join())));
    const took: Record<'here' | 'elsewhere' | 'back', number[]> = { here: [], elsewhere: [], back: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const index = round % lab.hosts.length;
      const end = { from: performance.now(), to: Number.POSITIVE_INFINITY };
      ends.set(webs[index]!, end);
      await type(lab.hosts[index]!, 'docker kill web');
      const gone = await all(webs.filter((_, other) => other !== index));
      took.here.push(gone[index]!);
      took.elsewhere.push(...gone);
      end.to = performance.now();
      await type(lab.hosts[index]!, 'docker start web');
      took.back.push(...(await all(webs)));
    }
    const counts = await Promise.all(watches.map(each => each.end()));
    for (const asker of askers) asker.close();
    const longest = (times: readonly number[]) => Math.round(Math.max(...times));
    const { here, elsewhere, back } = took;
    console.info(
      `${ROUNDS} rounds: gone here within ${longest(here)} ms, elsewhere ${longest(elsewhere)}, back ${longest(back)}; ` +
        `${counts.reduce((sum, { pings }) => sum + pings, 0)} pings`,
    );
    expect(counts.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(longest(here)).toBeLessThan(SECOND);
    expect(longest(elsewhere)).toBeLessThan(2 * SECOND);
    expect(longest(back)).toBeLessThan(SECOND);
  });

  /** Asks as the container `asker` of the host does. */
  async function askerOn(host: DockerHost): Promise<Asker> {
    const pid = (await type(host, 'docker inspect -f "{{.State.Pid}}" asker')).trim();
    return openAsker(`/proc/${host.pid}/root/proc/${pid}/ns/net`, '172.17.0.1', 53, SECOND);
  }

  /** Resolves and pings all the while: whatever resolves has to answer, unless it was killed a moment ago. */
  function watch(
    host: DockerHost,
    asker: Asker,
    ends: ReadonlyMap<string, { readonly from: number; readonly to: number }>,
  ) {
    let isOver = false;
    const check = async () => {
      const wrong: string[] = [];
      let pings = 0;
      while (!isOver) {
        const asked = performance.now();
        for (const address of (await asker.ask('web')) ?? []) {
          pings += 1;
          const { status } = await host.docker(['exec', 'asker', 'ping', '-c', '1', '-W', '1', address]);
          // One that was killed before it was asked for is gone everywhere within 2 s; one that is killed now may not answer.
          const end = ends.get(address);
          const isExcused = end !== undefined && end.to > asked && asked - end.from < 2 * SECOND;
          if (status !== 0 && !isExcused) wrong.push(`${host.name}: ${address} resolves and does not answer`);
        }
        await sleep(100);
      }
      return { wrong, pings };
    };
    const checked = check();
    return {
      end() {
        isOver = true;
        return checked;
      },
    };
  }
});

/** Waits until the name is that; gives how long it took. */
async function heard(asker: Asker, addresses: string): Promise<number> {
  const began = performance.now();
  let last = '';
  await until(
    async () => {
      last = (await asker.ask('web'))?.join() ?? 'nothing';
      return last === addresses || undefined;
    },
    () => `web is ${last}, not ${addresses}`,
  );
  return performance.now() - began;
}
