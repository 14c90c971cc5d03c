import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** What `docker` alone does once a router runs. */

const SECOND = 1_000;

describe('Docker with the network driver', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    await type(one, 'mesh launch');
    await type(two, 'mesh launch 192.168.48.11 --wait');
    for (const host of lab.hosts) await shows(host, 'mesh');
  });
  afterAll(() => lab?.destroy());

  /** The engine's networks of the mesh. */
  const shows = (host: DockerHost, ...names: string[]): Promise<unknown> =>
    until(
      async () => {
        const found = await type(
          host,
          "docker network ls --filter driver=mesh --format '{{.Name}} {{.Scope}}'",
        );
        return found === names.map(name => `${name} local\n`).join('') || undefined;
      },
      () => `the engine of ${host.name} does not have just ${names.join(', ')}`,
      5 * SECOND,
    );
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

  it('has networks on all hosts that are made on one, with Docker or by the mesh, and ends them everywhere', async () => {
    await type(one, 'docker network create -d mesh --ipam-driver mesh --subnet 10.40.0.0/16 prod');
    for (const host of lab.hosts) await shows(host, 'mesh', 'prod');
    await type(two, 'mesh network create other --label team=a');
    await type(two, 'docker network inspect other');
    for (const host of lab.hosts) await shows(host, 'mesh', 'other', 'prod');
    const subnet =
      "docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}} {{.Labels.team}}' other";
    expect(await type(one, subnet)).toBe(await type(two, subnet));
    await type(two, 'docker run -dit --network prod --name db busybox');
    await type(one, 'docker run -dit --network mesh --name web busybox; docker network connect prod web');
    const db = (
      await type(two, "docker inspect -f '{{.NetworkSettings.Networks.prod.IPAddress}}' db")
    ).trim();
    expect(db).toMatch(/^10\.40\./);
    expect(await type(one, `docker exec web ping -c 2 -W 1 ${db}`)).toContain(' 0% packet loss');
    expect(await type(one, 'mesh network inspect prod')).toMatch(/ db +.*host2/);
    await type(one, 'mesh network rm other');
    for (const host of lab.hosts) await shows(host, 'mesh', 'prod');
    await type(one, 'docker rm -f web; docker network rm prod');
    // Something is on it elsewhere: it is made again.
    for (const host of lab.hosts) await shows(host, 'mesh', 'prod');
    expect(await type(one, 'mesh logs')).toMatch(/removed from the engine is made again.*db on host2/);
    await type(two, 'docker rm -f db');
    await until(
      async () => (await one.mesh(['network', 'rm', 'prod'])).status === 0 || undefined,
      () => 'prod is still in use',
    );
    for (const host of lab.hosts) await shows(host, 'mesh');
  });
});
