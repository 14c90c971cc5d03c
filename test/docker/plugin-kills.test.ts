import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/**
 * A router may be killed at any moment of a container's life. The moments are spread over the time that one takes to start and
 * end undisturbed; each is played on two hosts at once, and the router is started again right away.
 */

const POINTS = 50;
/** The long campaign asks for more. */
const ROUNDS = Number(process.env['MESH_TEST_ROUNDS'] ?? 2);
/** A call that finds no router is made again after 1, 2, 4 and 8 s. */
const POINT_MS = 20_000;
const NETWORK = 'until docker network inspect mesh >/dev/null 2>&1; do sleep 0.1; done';

describe('a router that is killed while containers start and end', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;
  const peers = new Map<DockerHost, string>();

  const launch = (host: DockerHost) => type(host, `mesh launch --native ${peers.get(host)}`);

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    peers.set(one, two.address).set(two, one.address);
    for (const host of lab.hosts) {
      await launch(host);
      await type(host, NETWORK);
    }
    for (const host of lab.hosts) await type(host, `docker run -dit --network mesh --name stays busybox`);
  });
  afterAll(() => lab?.destroy());

  /** Lives through one container's life; gives what went wrong. */
  async function live(host: DockerHost, name: string): Promise<string | undefined> {
    const line = `docker run -dit --network mesh --name ${name} busybox >/dev/null &&
      docker exec ${name} ip addr show ethmesh0 | grep -q 'inet 10' && docker rm -f ${name} >/dev/null`;
    const { status, stderr } = await host.exec(['sh', '-c', line]);
    return status === 0 ? undefined : stderr;
  }

  const pidOf = async (host: DockerHost): Promise<string> =>
    (
      JSON.parse(await type(host, 'curl -sf --unix-socket /run/mesh/mesh.sock http://mesh/health')) as {
        pid: number;
      }
    ).pid.toString();

  async function killAt(host: DockerHost, name: string, afterMs: number): Promise<string | undefined> {
    const pid = await pidOf(host);
    const life = live(host, name);
    await sleep(afterMs);
    await type(host, `kill -9 ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.01; done`);
    await launch(host);
    const wrong = await life;
    return wrong === undefined ? undefined : `killed after ${afterMs.toFixed(0)} ms: ${wrong}`;
  }

  const held = async (host: DockerHost): Promise<string[]> => {
    const all = JSON.parse(await type(host, 'mesh ps --json')) as readonly { container: string }[];
    return all.map(({ container }) => container).filter(id => /^(endpoint|docker):/.test(id));
  };

  it(`at ${POINTS} points, ${ROUNDS} times: no container is lost, no address is left`, {
    timeout: POINTS * ROUNDS * POINT_MS,
  }, async () => {
    const began = performance.now();
    expect(await live(one, 'calm')).toBeUndefined();
    const life = performance.now() - began;
    const lost: string[] = [];
    const play = async (host: DockerHost, first: number) => {
      for (let point = first; point < POINTS * ROUNDS; point += 2) {
        const after = (life * 1.2 * ((point * 7) % POINTS)) / POINTS;
        const wrong = await killAt(host, `box${point}`, after);
        if (wrong !== undefined) lost.push(wrong);
      }
    };
    await Promise.all([play(one, 0), play(two, 1)]);
    expect(lost).toEqual([]);
    for (const host of lab.hosts) {
      await until(
        async () => ((await held(host)).length === 1 ? true : undefined),
        () => `${host.name} has addresses left`,
        90_000,
      );
      expect(await type(host, 'ip -brief link')).not.toMatch(/^mesh-/m);
    }
  });

  it('and afterwards all hosts forward to what lives, and to nothing else', async () => {
    const address = async (host: DockerHost) =>
      (await type(host, "docker inspect -f '{{.NetworkSettings.Networks.mesh.IPAddress}}' stays")).trim();
    const [first, second] = [await address(one), await address(two)];
    expect(await type(one, `docker exec stays ping -c 3 -W 1 ${second}`)).toContain(' 0% packet loss');
    for (const [host, own, other] of [
      [one, first, second],
      [two, second, first],
    ] as const) {
      const tables = await type(
        host,
        "nsenter --net=/run/mesh/switch sh -c 'ip neigh show dev br-6784 nud permanent; bridge fdb show dev vx-6784'",
      );
      const neighbours = tables.split('\n').filter(line => line.startsWith('10.'));
      expect(neighbours.map(line => line.split(' ')[0])).toEqual([other]);
      expect(tables).not.toContain(own);
      expect(
        tables.split('\n').filter(line => / dst \S+/.test(line) && !line.startsWith('00:00')),
      ).toHaveLength(1);
    }
  });
});
