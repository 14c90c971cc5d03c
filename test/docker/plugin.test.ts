import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** What `docker` alone does once a router runs. */

const SECOND = 1_000;
const CREATE =
  'docker network create -d mesh --ipam-driver mesh --subnet 10.32.0.0/13 -o mesh.network=mesh mesh';

describe('Docker with the network driver', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    await type(one, 'mesh launch');
    await type(two, 'mesh launch 192.168.48.11 --wait');
    for (const host of lab.hosts) await type(host, CREATE);
  });
  afterAll(() => lab?.destroy());

  const addressOf = async (host: DockerHost, name: string): Promise<string> =>
    (
      await type(
        host,
        `docker inspect -f '{{with index .NetworkSettings.Networks "mesh"}}{{.IPAddress}}{{end}}' ${name}`,
      )
    ).trim();

  it('puts containers on the mesh, where they reach each other', async () => {
    await type(one, 'docker run -dit --network mesh --name box1 busybox');
    await type(two, 'docker run -dit --network mesh --name box2 busybox');
    const [a, b] = [await addressOf(one, 'box1'), await addressOf(two, 'box2')];
    expect(a).not.toBe(b);
    expect(await type(one, `docker exec box1 ping -c 3 -W 1 ${b}`)).toContain(' 0% packet loss');
    expect(await type(two, `docker exec box2 ping -c 3 -W 1 ${a}`)).toContain(' 0% packet loss');
  });

  it('lets names of containers resolve on all hosts, and ends them with their containers', async () => {
    const answer = (name: string) => type(two, `mesh dns-lookup ${name}`);
    const a = await addressOf(one, 'box1');
    await until(
      async () => (await answer('box1')).trim() === a || undefined,
      () => 'box1 is not known',
      5 * SECOND,
    );
    await type(one, 'docker rm -f box1');
    await until(
      async () => (await answer('box1')).trim() === '' || undefined,
      () => 'box1 is still known',
      5 * SECOND,
    );
  });
});
