import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** What a user of `eval $(mesh env)` does and sees. */

const SECOND = 1_000;
const WHOLE = / 0% packet loss/;
const FILES = '--tlscacert /opt/tls/ca.pem --tlscert /opt/tls/cert.pem --tlskey /opt/tls/key.pem';
const LISTEN = `-H unix:///opt/sock/docker.sock -H tcp://192.168.48.11:2376 --tlsverify ${FILES}`;

/** An authority, and what it gave to the proxy and to a client. */
const CERTIFICATES = `mkdir -p /opt/tls && cd /opt/tls && exec 2>&1
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=authority
  printf 'subjectAltName=IP:192.168.48.11\\n' >names
  for name in proxy client; do
    openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out $name.pem
  done
  mv proxy.pem cert.pem; mv proxy.key key.pem`;

describe.each([
  ['a native router', 'mesh launch --native'],
  ['a router in a container', 'mesh launch'],
])('Docker through the proxy of %s', (_, launch) => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;
  let three: DockerHost;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 3 });
    [one, two, three] = lab.hosts as [DockerHost, DockerHost, DockerHost];
    await type(one, CERTIFICATES);
    await type(one, `${launch} ${LISTEN}`);
    for (const host of [two, three]) await type(host, `${launch} 192.168.48.11 --wait`);
  });
  afterAll(() => lab?.destroy());

  /** Typed into a shell that was turned to the proxy. */
  const turned = (host: DockerHost, line: string): Promise<string> => type(host, `eval $(mesh env); ${line}`);
  const refused = async (host: DockerHost, line: string): Promise<string> => {
    const { status, stderr } = await host.exec(['sh', '-c', line]);
    expect([line, status]).not.toEqual([line, 0]);
    return stderr;
  };
  const addressOf = async (host: DockerHost, name: string, network = 'mesh'): Promise<string> => {
    const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
    return (await type(host, `docker inspect -f '${format}' ${name}`)).trim();
  };
  const has = (host: DockerHost, network: string, ms: number): Promise<unknown> =>
    until(
      async () => (await host.docker(['network', 'inspect', network])).status === 0 || undefined,
      () => `the engine of ${host.name} has no network ${network}`,
      ms,
    );
  const hasNo = (host: DockerHost, network: string): Promise<unknown> =>
    until(
      async () => (await host.docker(['network', 'inspect', network])).status !== 0 || undefined,
      () => `the engine of ${host.name} has a network ${network}`,
      5 * SECOND,
    );
  const resolves = (host: DockerHost, name: string, address: string): Promise<unknown> =>
    until(
      async () => (await type(host, `mesh dns-lookup ${name}`)).trim() === address || undefined,
      () => `${host.name} does not say ${address} for ${name}`,
      5 * SECOND,
    );

  it('plays the session: containers, networks on every host, names', async () => {
    await turned(one, 'docker run -dit --name box3 busybox');
    await has(two, 'mesh', 2 * SECOND);
    expect(await type(two, 'docker network ls')).toMatch(/ mesh +mesh +local/);
    await type(two, 'docker run -dit --network mesh --name box4 busybox');
    await turned(one, 'docker network create -d mesh --subnet 10.40.0.0/16 prod');
    for (const host of [two, three]) await has(host, 'prod', 2 * SECOND);
    const subnet = "docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' prod";
    expect(await type(two, subnet)).toBe('10.40.0.0/16\n');
    await type(two, 'docker run -dit --network prod --name db busybox');
    for (const host of [one, three]) await resolves(host, 'db', await addressOf(two, 'db', 'prod'));
    expect(await turned(three, 'docker run --rm --network prod busybox ping -c1 db')).toMatch(WHOLE);
    expect(await turned(one, 'docker network connect prod box3; docker exec box3 ping -c1 db')).toMatch(
      WHOLE,
    );
    expect(await type(one, `docker exec box3 ping -c1 ${await addressOf(two, 'box4')}`)).toMatch(WHOLE);
    const [line = '', another = ''] = (await type(one, 'mesh ps box3')).trim().split('\n');
    expect([line, another]).toEqual([
      expect.stringMatching(/^box3 [0-9a-f:]{17} 10\.3\d\./),
      expect.stringMatching(/^box3 [0-9a-f:]{17} 10\.40\./),
    ]);
    // Its own names were known when "connect" was done.
    expect(await type(one, 'mesh dns-lookup box3')).toContain(await addressOf(one, 'box3', 'prod'));
    const restored = 'eval $(mesh env --restore); env | grep DOCKER_HOST || echo none';
    expect(await turned(one, restored)).toBe('none\n');
    const after = 'eval $(mesh env --restore); docker run --rm busybox ip addr';
    expect(await turned(one, after)).not.toContain('ethmesh');
  });

  it('has a container on the mesh before its first instruction, called by its name', async () => {
    const peer = await addressOf(two, 'box4');
    const look = `ip addr show ethmesh0; hostname; cat /etc/hosts; ping -c 1 -W 1 ${peer}; ping -c 1 -W 2 box4`;
    const seen = await turned(one, `docker run --rm --name first busybox sh -c '${look}'`);
    expect(seen).toMatch(/ethmesh0@.*UP.* mtu 1450/);
    const [, address] = /inet (10\.3\d\.\d+\.\d+)\/13/.exec(seen) ?? [];
    expect(seen).toMatch(
      new RegExp(`^${address?.replaceAll('.', '\\.')}\\s+first\\.mesh\\.internal first`, 'm'),
    );
    expect(seen).toMatch(/^first$/m);
    expect(seen.match(new RegExp(WHOLE, 'g'))).toHaveLength(2);
  });

  it('lets a container say what it wants', async () => {
    await turned(one, 'docker run -dit -e MESH_CIDR=10.32.7.7/13 --name fixed busybox');
    expect(await addressOf(one, 'fixed')).toBe('10.32.7.7');
    await type(one, 'docker restart -t 0 fixed');
    expect(await addressOf(one, 'fixed')).toBe('10.32.7.7');
    expect(await refused(two, 'eval $(mesh env); docker run --rm -e MESH_CIDR=10.32.7.7/13 busybox')).toMatch(
      /10\.32\.7\.7 is held by .*host1/,
    );
    expect(await type(two, 'docker ps -aq --filter status=created')).toBe('');
    expect(await turned(one, 'docker run --rm -e MESH_CIDR=none busybox ip addr')).not.toContain('ethmesh');
    const other = 'docker run -dit -e MESH_CIDR=10.9.0.1/24 --name other busybox; docker exec other ip addr';
    expect(await turned(one, other)).toMatch(/inet 10\.9\.0\.1\/24/);
    const host = "docker run --rm --net=host -e 'MESH_CIDR=' busybox hostname";
    expect(await turned(one, `${host} 2>&1`)).toContain('MESH_CIDR is not followed');
    await type(one, 'docker rm -f fixed other');
    await type(two, 'eval $(mesh env); docker run --rm -e MESH_CIDR=10.32.7.7/13 busybox true');
  });

  it('leaves a container its way out and its ports, beside the mesh', async () => {
    const route = await type(one, 'docker exec box3 ip route');
    expect(route).toMatch(/^default via 172\.17\.0\.1 dev eth0/m);
    expect(route).toMatch(/^224\.0\.0\.0\/4 dev ethmesh\d/m);
    expect(await type(one, 'docker exec box3 ping -c 1 192.168.48.12')).toMatch(WHOLE);
    expect(await type(two, 'docker exec box4 ping -c 1 192.168.48.11')).toMatch(WHOLE);
    await turned(one, 'docker run -d -p 8081:80 --name page busybox httpd -f -h /etc');
    await turned(one, 'docker run -d -p 8082:80 --network mesh --name page2 busybox httpd -f -h /etc');
    for (const port of [8081, 8082])
      expect(
        await type(two, `curl -sf --retry 3 --retry-connrefused 192.168.48.11:${port}/hostname`),
      ).not.toBe('');
    await type(one, 'docker rm -f page page2');
  });

  it('shows to the engine the MAC that a container has', async () => {
    const shown = "docker inspect -f '{{.NetworkSettings.Networks.mesh.MacAddress}}' own";
    const has = "docker exec own ip -o link | grep ethmesh0 | grep -o 'ether [^ ]*' | cut -d' ' -f2";
    await turned(one, 'docker run -dit --name own busybox');
    expect(await type(one, shown)).toBe(await type(one, has));
    await type(one, 'docker rm -f own');
  });

  it('runs no container that a start of an old API takes from the mesh', async () => {
    const start = (name: string, body: string): string =>
      `docker create -it --name ${name} busybox >/dev/null
       curl -s --unix-socket /run/mesh/docker.sock -H 'Content-Type: application/json' -d '${body}' \\
         http://docker/v1.23/containers/${name}/start
       docker inspect -f '{{.State.Running}}' ${name}; docker rm -f ${name} >/dev/null`;
    expect(await turned(one, start('moved', '{"NetworkMode":"bridge"}'))).toMatch(
      /can't be put on the mesh: network mode .*bridge.* given with the start.*\nfalse\n$/,
    );
    expect(await turned(one, start('same', '{"NetworkMode":"default"}'))).toBe('true\n');
  });

  it('frees an address everywhere when its container is disconnected, and gives no second one like it', async () => {
    await turned(one, 'docker run -dit -e MESH_CIDR=10.32.8.8/13 --name leaver busybox');
    const take = 'eval $(mesh env); docker run --rm --network mesh --ip 10.32.8.8 busybox ip addr';
    expect(await refused(two, take)).toMatch(/10\.32\.8\.8 is held by leaver on host1/);
    await turned(one, 'docker network disconnect mesh leaver');
    expect(await type(one, 'docker exec leaver ip addr')).not.toContain('ethmesh');
    await until(
      async () => (await two.exec(['sh', '-c', take])).stdout.includes('inet 10.32.8.8/13') || undefined,
      () => 'the address is not free',
      5 * SECOND,
    );
    await turned(one, 'docker network connect mesh leaver');
    expect(await type(one, 'docker exec leaver ip addr')).toMatch(/inet 10\.3\d\.\d+\.\d+\/13/);
    await type(one, 'docker rm -f leaver');
  });

  it('refuses networks by name of what they can not be, and to remove what is in use anywhere', async () => {
    const create = 'eval $(mesh env); docker network create -d mesh';
    expect(await refused(one, `${create} -o color=red odd`)).toMatch(/there is no option "color"/);
    expect(await refused(one, `${create} --ipam-driver null odd`)).toMatch(/IPAM driver "null"/);
    expect(await refused(one, `${create} --subnet 10.32.0.0/24 odd`)).toMatch(/overlaps/);
    expect(await refused(one, `${create} prod`)).toMatch(/already exists/);
    expect(await type(one, 'docker network ls -q -f name=odd')).toBe('');
    expect(await refused(one, 'eval $(mesh env); docker network rm prod')).toMatch(/in use by .*db on host2/);
    await type(one, 'docker rm -f box3');
    await type(two, 'docker rm -f db');
    await until(
      async () =>
        (await one.exec(['sh', '-c', 'eval $(mesh env); docker network rm prod'])).status === 0 || undefined,
      () => 'prod can not be removed',
      5 * SECOND,
    );
    for (const host of lab.hosts) await hasNo(host, 'prod');
  });

  it('carries what a command line does with containers', async () => {
    await turned(one, 'docker run -dit --name work busybox');
    expect(await turned(one, 'docker exec work sh -c "echo out; exit 3" || echo "status $?"')).toBe(
      'out\nstatus 3\n',
    );
    expect(await turned(one, 'echo word | docker run --rm -i busybox cat')).toBe('word\n');
    const pour =
      'head -c 20000000 /dev/urandom >/tmp/in; docker run --rm -i busybox md5sum </tmp/in; md5sum </tmp/in';
    const [sent, came] = (await turned(one, pour)).trim().split('\n');
    expect(sent).toBe(came);
    await turned(one, 'docker cp /tmp/in work:/tmp/in; docker exec work md5sum /tmp/in');
    const build = 'printf "FROM busybox\\nRUN echo made >/made\\n" | DOCKER_BUILDKIT=0 docker build -q -';
    expect(await turned(one, `docker run --rm $(${build}) cat /made`)).toBe('made\n');
    const logs = 'docker exec work sh -c "echo said >/proc/1/fd/1"; timeout 2 docker logs -f work || true';
    expect(await turned(one, logs)).toContain('said');
    const events =
      'timeout 3 docker events >/tmp/events & sleep 1; docker run --rm busybox true; wait; cat /tmp/events';
    expect(await turned(one, events)).toMatch(/container die/);
    await type(one, 'docker rm -f work; rm /tmp/in');
  });

  it('is asked elsewhere, too: by TCP only with a certificate', async () => {
    const path = 'docker -H unix:///opt/sock/docker.sock';
    expect(await type(one, `${path} run --rm busybox ip addr`)).toContain('ethmesh0');
    const modes = (
      await type(one, 'stat -c "%a %u %g" /var/run/docker.sock /opt/sock/docker.sock /run/mesh/docker.sock')
    )
      .trim()
      .split('\n');
    expect(new Set(modes).size).toBe(1);
    const tcp = 'docker -H tcp://192.168.48.11:2376';
    const shown =
      '--tlsverify --tlscacert /opt/tls/ca.pem --tlscert /opt/tls/client.pem --tlskey /opt/tls/client.key';
    expect(await type(one, `${tcp} ${shown} run --rm busybox ip addr`)).toContain('ethmesh0');
    await refused(one, `${tcp} ps`);
    await refused(one, `${tcp} --tlsverify --tlscacert /opt/tls/ca.pem ps`);
    expect(await type(one, 'docker $(mesh config) run --rm busybox ip addr')).toContain('ethmesh0');
  });

  it('has no address left when its containers are gone, and no socket when the router is', async () => {
    for (const host of lab.hosts)
      await type(host, 'docker ps -aq --filter ancestor=busybox | xargs -r docker rm -f');
    await until(
      async () => (await type(one, 'mesh ps')) === '' || undefined,
      () => 'addresses are left',
      10 * SECOND,
    );
    await turned(one, 'docker create --name late busybox');
    await type(one, 'mesh stop');
    expect(await type(one, 'ls /run/mesh/docker.sock /opt/sock/docker.sock 2>/dev/null || true')).toBe('');
    expect(await refused(one, 'docker -H unix:///run/mesh/docker.sock run --rm busybox true')).toMatch(
      /Cannot connect|failed to connect/,
    );
    // Past the proxy it is the engine that asks for a while; it does not start what it can not put on its network.
    expect(await refused(one, 'docker start late')).toMatch(/mesh\.sock/);
    expect(await type(one, "docker inspect -f '{{.State.Running}}' late")).toBe('false\n');
  });
});
