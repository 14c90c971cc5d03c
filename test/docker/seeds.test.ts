import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/**
 * What tutorials on networks of several Docker hosts have their readers type, with `mesh` in the place of a key-value store, of
 * entries made by hand, and of Weave.
 */

const LOST = / 100% packet loss/;
const WHOLE = / 0% packet loss/;
/** What a network takes that is made without the proxy. */
const CREATE = 'docker network create -d mesh --ipam-driver mesh';
/** Containers that ask the mesh for names. */
const RUN = 'docker run -itd $(mesh dns-args)';

/** The engine's mesh networks by name, once they are `names`. */
function networks(host: DockerHost, ...names: string[]): Promise<unknown> {
  return until(
    async () => {
      const found = await type(
        host,
        "docker network ls --filter driver=mesh --format '{{.Name}} {{.Driver}} {{.Scope}}'",
      );
      return found === names.map(name => `${name} mesh local\n`).join('') || undefined;
    },
    () => `the engine of ${host.name} does not have just ${names.join(', ')}`,
  );
}

const ping = (host: DockerHost, box: string, target: string): Promise<string> =>
  type(host, `docker exec ${box} ping -c 2 -W 2 ${target} || true`);

async function addressOn(host: DockerHost, network: string, box: string): Promise<string> {
  const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
  return (await type(host, `docker inspect -f '${format}' ${box}`)).trim();
}

/** Names follow what carries them: within a second. */
const resolves = (host: DockerHost, box: string, name: string): Promise<unknown> =>
  until(
    async () =>
      (await host.exec(['docker', 'exec', box, 'ping', '-c', '1', '-W', '1', name])).status === 0 ||
      undefined,
    () => `${name} is not known in ${box}`,
  );

describe.each([
  ['routers as containers', 'mesh launch'],
  ['native routers', 'mesh launch --native'],
])('tutorials, on Docker hosts with %s', (_, launch) => {
  let lab: Lab<DockerHost>;
  let host1: DockerHost;
  let host2: DockerHost;
  let host3: DockerHost;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 3 });
    [host1, host2, host3] = lab.hosts as [DockerHost, DockerHost, DockerHost];
    await type(host1, launch);
    await type(host2, `${launch} 192.168.48.11 --wait`);
    await type(host3, `${launch} 192.168.48.12 --wait`);
    for (const host of lab.hosts) await networks(host, 'mesh');
  });
  afterAll(() => lab?.destroy());

  it('overlay networks without a key-value store', async () => {
    await type(host1, `${CREATE} ov_net1`);
    await networks(host2, 'mesh', 'ov_net1');
    await type(host1, `${RUN} --name bbox1 --network ov_net1 busybox`);
    const route = await type(host1, 'docker exec bbox1 ip r');
    expect(route).toMatch(/^default via 172\.\d+\.0\.1 dev eth\d/m);
    expect(route).toMatch(/^10\.4\d\.\d+\.0\/20 dev ethmesh0 scope link {2}src 10\.4\d\./m);
    await type(host1, `docker run -d -p 8080:80 --network ov_net1 --name web1 busybox httpd -f -h /bin`);
    await until(
      async () =>
        (await host1.exec(['busybox', 'wget', '-q', '-O', '-', 'http://127.0.0.1:8080/busybox'])).status ===
          0 || undefined,
      () => 'the published port gives no answer',
    );
    await type(host2, `${RUN} --name bbox2 --network ov_net1 busybox`);
    await resolves(host2, 'bbox2', 'bbox1');
    expect(await ping(host2, 'bbox2', 'bbox1')).toMatch(WHOLE);

    await type(host1, `${CREATE} ov_net2; ${RUN} --name bbox3 --network ov_net2 busybox`);
    const bbox1 = await addressOn(host1, 'ov_net1', 'bbox1');
    expect(await ping(host1, 'bbox3', bbox1)).toMatch(LOST);
    await type(host1, 'docker network connect ov_net1 bbox3');
    expect(await ping(host1, 'bbox3', bbox1)).toMatch(WHOLE);
    await type(host1, 'docker network disconnect ov_net1 bbox3');
    expect(await ping(host1, 'bbox3', bbox1)).toMatch(LOST);
    for (const host of [host1, host2])
      await type(host, 'docker rm -f $(docker ps -q --filter name=bbox --filter name=web1)');
    await until(
      async () =>
        (await host1.exec(['sh', '-c', `docker network rm ov_net1 ov_net2`])).status === 0 || undefined,
      () => 'the networks can not be removed',
    );
    for (const host of lab.hosts) await networks(host, 'mesh');
  });

  it('a network of two hosts without entries made by hand', async () => {
    await type(host1, `${RUN} --name=vm1 busybox`);
    expect(await type(host1, 'docker exec vm1 ip addr')).not.toMatch(/ethmesh/);
    await type(host1, `${CREATE} prod; ${RUN} --net=prod --name=vm3 busybox`);
    await networks(host2, 'mesh', 'prod');
    await type(host2, `${RUN} --net=prod --name=vm4 busybox`);
    const [vm3, vm4] = [await addressOn(host1, 'prod', 'vm3'), await addressOn(host2, 'prod', 'vm4')];
    expect(await ping(host1, 'vm3', vm4)).toMatch(WHOLE);
    expect(await ping(host2, 'vm4', vm3)).toMatch(WHOLE);
    const mac = (await type(host1, 'docker exec vm3 cat /sys/class/net/ethmesh0/address')).trim();
    expect(await type(host1, "docker inspect -f '{{.NetworkSettings.Networks.prod.MacAddress}}' vm3")).toBe(
      `${mac}\n`,
    );
    expect(await type(host2, 'docker exec vm4 ip neigh')).toContain(`${vm3} dev ethmesh0 lladdr ${mac}`);
    expect(await type(host1, 'docker exec vm3 cat /sys/class/net/ethmesh0/mtu')).toBe('1450\n');
    await type(host1, `docker rm -f vm1 vm3`);
    await type(host2, `docker rm -f vm4`);
    await until(
      async () => (await host2.exec(['sh', '-c', `docker network rm prod`])).status === 0 || undefined,
      () => 'the network can not be removed',
    );
  });

  it('what Weave does, and what it did not', async () => {
    expect(await type(host1, 'mesh status connections')).toMatch(
      /^<- 192\.168\.48\.12:\d+ +established fastdp [0-9a-f:]{17}\(host2\) mtu=1450 rtt=\d+\.\dms$/m,
    );
    await type(host1, 'docker run -dit --name box1 busybox; mesh attach 10.0.0.11/24 box1');
    await type(host2, 'docker run -dit --name box2 busybox; mesh attach 10.0.0.12/24 box2');
    expect(await ping(host1, 'box1', '10.0.0.12')).toMatch(WHOLE);

    await type(host1, `${RUN} --name box3 --network mesh busybox`);
    await type(host2, 'docker run -dit --network mesh --name box4 busybox');
    const box4 = await addressOn(host2, 'mesh', 'box4');
    expect(box4).toMatch(/^10\.3\d\./);
    expect(await ping(host1, 'box3', box4)).toMatch(WHOLE);
    await type(host1, `${CREATE} --subnet 10.40.0.0/16 prod`);
    await networks(host2, 'mesh', 'prod');
    const subnet = "docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' prod";
    expect(await type(host2, subnet)).toBe('10.40.0.0/16\n');
    await type(host2, 'docker run -dit --network prod --name db busybox');
    await type(host1, 'docker network connect prod box3');
    await resolves(host1, 'box3', 'db');
    expect(await ping(host1, 'box3', 'db')).toMatch(WHOLE);
    const both = / box3 +.*\(host1\)\n.* db +.*\(host2\)|db +.*\(host2\)\n.*box3 +.*\(host1\)/;
    await until(
      async () => both.test(await type(host3, 'mesh network inspect prod')) || undefined,
      () => 'host3 does not show both',
    );
  });
});
