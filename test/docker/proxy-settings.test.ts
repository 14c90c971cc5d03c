import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** What a proxy does that was told so at its launch; and one host where it was told nothing. */

const NAMES = `--hostname-from-label com.example.service --hostname-match '^(.*)-[0-9]+$' --hostname-replacement 'my-$1'`;
const TOP = "docker inspect -f '{{.NetworkSettings.IPAddress}}'";
const OWN = "docker inspect -f '{{.NetworkSettings.Networks.mesh.IPAddress}}'";

describe('proxies that are told how', () => {
  let lab: Lab<DockerHost>;
  let choosy: DockerHost;
  let nameless: DockerHost;
  let plain: DockerHost;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 3 });
    [choosy, nameless, plain] = lab.hosts as [DockerHost, DockerHost, DockerHost];
    await type(choosy, `mesh launch --native --no-default-ipalloc --rewrite-inspect ${NAMES}`);
    await type(nameless, 'mesh launch --native --without-dns 192.168.48.11 --wait');
    await type(plain, 'mesh launch --native 192.168.48.11 --wait');
  });
  afterAll(() => lab?.destroy());

  /** Typed into a shell that was turned to the proxy. */
  const turned = (host: DockerHost, line: string): Promise<string> => type(host, `eval $(mesh env); ${line}`);

  it('join only who asks', async () => {
    const seen = await turned(choosy, 'docker run --rm busybox ip addr');
    expect(seen).toContain('eth0');
    expect(seen).not.toContain('ethmesh');
    expect(await turned(choosy, 'docker run --rm -e MESH_CIDR= busybox ip addr')).toMatch(
      /inet 10\.3\d\.\d+\.\d+\/13 .*ethmesh0/,
    );
  });

  it('call a container by what its label says, and all hosts know it by that', async () => {
    const label = '--label com.example.service=shop-17';
    await turned(choosy, `docker run -dit -e MESH_CIDR= ${label} --name box busybox`);
    expect(await type(choosy, 'docker exec box hostname')).toBe('my-shop\n');
    const address = await type(choosy, `${OWN} box`);
    await until(
      async () => (await type(plain, 'mesh dns-lookup my-shop')) === address || undefined,
      () => 'the host name is not known',
    );
    // Who has no such label is called as the engine does it.
    const id = 'docker run --rm -e MESH_CIDR= --name other busybox hostname';
    expect(await turned(choosy, id)).toMatch(/^[0-9a-f]{12}\n$/);
  });

  it('show the address on the mesh where old programs look for one', async () => {
    const address = await type(choosy, `${OWN} box`);
    expect(await type(choosy, `${TOP} box`)).toMatch(/^172\.17\./);
    expect(await turned(choosy, `${TOP} box`)).toBe(address);
    await turned(plain, 'docker run -dit --name box2 busybox');
    expect(await turned(plain, `${TOP} box2`)).toMatch(/^172\.17\./);
  });

  it('leave names alone', async () => {
    const look = "sh -c 'hostname; cat /etc/resolv.conf; ip addr show ethmesh0'";
    const seen = await turned(nameless, `docker run --rm --name called busybox ${look}`);
    expect(seen).toMatch(/^[0-9a-f]{12}\n/);
    expect(seen).not.toContain('mesh.internal');
    expect(seen).toMatch(/inet 10\.\d+\.\d+\.\d+\/13/);
    const set =
      "docker create --name unset busybox >/dev/null; docker inspect -f '{{.HostConfig.Dns}}' unset";
    expect(await turned(nameless, set)).toBe('[]\n');
  });
});
