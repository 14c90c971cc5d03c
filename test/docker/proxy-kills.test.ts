import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/**
 * The router, and the proxy with it, may be killed at any moment of a container's life that a user lives through the proxy. What
 * that breaks off he is told, and does again; whatever the moment, a container that was started is where it was to be.
 */

const POINTS = 50;
/** The long campaign asks for more. */
const ROUNDS = Number(process.env['MESH_TEST_ROUNDS'] ?? 2);
/** A call of the engine that finds no router is made again after 1, 2, 4 and 8 s. */
const POINT_MS = 20_000;
const PROXY = 'docker -H unix:///run/mesh/docker.sock';

/** What a user asks for, and what is seen of it inside; the second is not on the mesh's network, but attached at the start. */
const KINDS = [
  { options: '', seen: /inet 10\.3\d\.\d+\.\d+\/13 .*ethmesh/ },
  { options: '-e MESH_CIDR=net:10.41.0.0/24', seen: /inet 10\.41\.0\.\d+\/24 .*ethmesh/ },
];

describe('a proxy that is killed while containers are made, started, stopped and removed', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;
  const peers = new Map<DockerHost, string>();
  let broken = 0;

  const launch = (host: DockerHost) => type(host, `mesh launch --native ${peers.get(host)}`);

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    peers.set(one, two.address).set(two, one.address);
    for (const host of lab.hosts) await launch(host);
    for (const host of lab.hosts) await type(host, 'mesh prime');
    for (const host of lab.hosts) await type(host, `${PROXY} run -dit --name stays busybox`);
  });
  afterAll(() => lab?.destroy());

  /** Until it is done: what was broken off says so, and is asked again; it may have been done all the same. */
  async function insist(host: DockerHost, line: string, isDone = /$^/): Promise<void> {
    let last = '';
    await until(
      async () => {
        const { status, stderr } = await host.exec(['sh', '-c', line]);
        last = stderr;
        if (status !== 0) broken += 1;
        if (status !== 0 && stderr.trim() === '') throw new Error(`"${line}" failed and did not say why`);
        return status === 0 || isDone.test(stderr) || undefined;
      },
      () => `${line}: ${last}`,
      POINT_MS,
    );
  }

  /** One container's life, as far as it can be lived. */
  async function live(host: DockerHost, point: number): Promise<void> {
    const name = `box${point}`;
    const { options, seen } = KINDS[Math.floor(point / 2) % 2]!;
    await insist(host, `${PROXY} create -it --name ${name} ${options} busybox`, /is already in use/);
    await insist(host, `${PROXY} start ${name}`);
    // Asked of the engine itself: it is there as soon as the user was told that the container runs.
    expect(await type(host, `docker exec ${name} ip -4 -oneline addr`)).toMatch(seen);
    await insist(host, `${PROXY} stop -t 0 ${name}`);
    await insist(host, `${PROXY} rm ${name}`, /No such container/);
  }

  const pidOf = async (host: DockerHost): Promise<string> =>
    (
      JSON.parse(await type(host, 'curl -sf --unix-socket /run/mesh/mesh.sock http://mesh/health')) as {
        pid: number;
      }
    ).pid.toString();

  /** Gives what went wrong. */
  async function killAt(host: DockerHost, point: number, afterMs: number): Promise<string | undefined> {
    const pid = await pidOf(host);
    const life = live(host, point).then(
      () => undefined,
      (error: unknown) => `killed after ${afterMs.toFixed(0)} ms: ${String(error)}`,
    );
    await sleep(afterMs);
    await type(host, `kill -9 ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.01; done`);
    await launch(host);
    return life;
  }

  const held = async (host: DockerHost): Promise<string> => type(host, 'mesh ps');

  it(`at ${POINTS} points, ${ROUNDS} times: no container is lost, no address is left`, {
    timeout: POINTS * ROUNDS * POINT_MS,
  }, async () => {
    await live(one, 2);
    const began = performance.now();
    await live(one, 0);
    const life = performance.now() - began;
    const before = await Promise.all(lab.hosts.map(held));
    const lost: string[] = [];
    const play = async (host: DockerHost, first: number) => {
      for (let point = first; point < POINTS * ROUNDS; point += 2) {
        const wrong = await killAt(host, point, (life * 1.2 * ((point * 7) % POINTS)) / POINTS);
        if (wrong !== undefined) lost.push(wrong);
      }
    };
    await Promise.all([play(one, 0), play(two, 1)]);
    expect(lost).toEqual([]);
    // The moments were such that it mattered.
    expect(broken).toBeGreaterThan(POINTS);
    for (const [index, host] of lab.hosts.entries()) {
      let now = '';
      await until(
        async () => {
          now = await held(host);
          return now === before[index] || undefined;
        },
        () => `${host.name} holds\n${now}where it held\n${before[index]}`,
        90_000,
      );
      expect(await type(host, "docker ps -a --format '{{.Names}} {{.State}}'")).toBe('stays running\n');
      expect(await type(host, 'ip -brief link')).not.toMatch(/^mesh-/m);
    }
    const format = "docker inspect -f '{{.NetworkSettings.Networks.mesh.IPAddress}}' stays";
    const address = (await type(two, format)).trim();
    expect(await type(one, `docker exec stays ping -c 3 -W 1 ${address}`)).toContain(' 0% packet loss');
  });
});
