import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CUT_OFF } from '../../src/ports/engine-endpoints.ts';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Output } from '../support/lab/command.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/**
 * A router may be killed at any moment of a container's life. The moments are spread over the time that one takes to start and
 * end undisturbed; each is played on two hosts at once, and the router is started again right away. A start that was being asked of
 * the very router that died fails by name, since the engine can't say twice what it asked; the next one has to succeed.
 */

const POINTS = 50;
/** The long campaign asks for more. */
const ROUNDS = Number(process.env['MESH_TEST_ROUNDS'] ?? 2);
/** A call that finds no router is made again after 1, 2, 4 and 8 s. */
const POINT_MS = 20_000;
/** Until the engine has surely made its call. */
const CALL_MS = 2_000;
/** The router looks at the engine's containers every 30 s. */
const REVIVAL_MS = 60_000;
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
    const run = await host.exec(['docker', 'run', '-dit', '--network', 'mesh', '--name', name, 'busybox']);
    if (run.status !== 0 && !run.stderr.includes(CUT_OFF)) return run.stderr;
    const start = run.status === 0 ? 'true' : `docker start ${name} >/dev/null`;
    const line = `${start} && docker exec ${name} ip addr show ethmesh0 | grep -q 'inet 10' && docker rm -f ${name} >/dev/null`;
    const { status, stderr } = await host.exec(['sh', '-c', line]);
    return status === 0 ? undefined : stderr;
  }

  const pidOf = async (host: DockerHost): Promise<string> =>
    (
      JSON.parse(await type(host, 'curl -sf --unix-socket /run/mesh/mesh.sock http://mesh/health')) as {
        pid: number;
      }
    ).pid.toString();

  /** The engine's call is in the router's socket, and the router dies before it answers. */
  async function cutOff(host: DockerHost, line: string): Promise<Output> {
    const pid = await pidOf(host);
    await type(host, `kill -STOP ${pid}`);
    const running = host.exec(['sh', '-c', line]);
    await sleep(CALL_MS);
    await type(host, `kill -9 ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.01; done`);
    await launch(host);
    return running;
  }

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

  it('says so where it dies during a call, which does not become a call for anything', async () => {
    const run = await cutOff(one, 'docker run -dit --network mesh --name cut busybox');
    expect([run.status, run.stderr]).toEqual([125, expect.stringContaining(CUT_OFF)]);
    await type(
      one,
      'docker start cut && docker exec cut ip addr show ethmesh0 | grep inet && docker rm -f cut',
    );
    // A subnet that is named must not become any.
    const create = 'docker network create -d mesh --ipam-driver mesh --subnet 10.41.9.0/24 prod';
    const made = await cutOff(one, create);
    expect([made.status, made.stderr]).toEqual([1, expect.stringContaining(CUT_OFF)]);
    expect(await type(one, 'mesh network ls')).not.toContain('prod');
    await type(one, create);
    expect(await type(one, 'docker network inspect prod')).toContain('10.41.9.0/24');
    await type(one, 'docker network rm prod');
  }, 60_000);

  it('starts what is to come back, and was not started since it died during the call', async () => {
    const run = await cutOff(two, 'docker run -dit --restart always --network mesh --name back busybox');
    expect(run.stderr).toContain(CUT_OFF);
    await until(
      async () =>
        (await type(two, "docker ps --format '{{.Names}}'")).split('\n').includes('back') || undefined,
      () => 'the container is still down',
      REVIVAL_MS,
    );
    await type(two, 'docker rm -f back');
  }, 90_000);

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
