import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/core/report.ts';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Output } from '../support/lab/command.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** What `docker` alone does once a router runs. */

const SECOND = 1_000;

describe('Docker with the drivers of the mesh', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;
  let launched: Output;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    launched = await one.mesh(['launch']);
    await type(two, 'mesh launch 192.168.48.11 --wait');
    for (const host of lab.hosts) await has(host, 'mesh');
  });
  afterAll(() => lab?.destroy());

  /** All networks of the mesh that the engine has. */
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
  /** The engine's network, once it is there. */
  const has = (host: DockerHost, network: string): Promise<unknown> =>
    until(
      async () => (await host.exec(['docker', 'network', 'inspect', network])).status === 0 || undefined,
      () => `the engine of ${host.name} has no network ${network}`,
      5 * SECOND,
    );
  const addressOf = async (host: DockerHost, name: string, network = 'mesh'): Promise<string> => {
    const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
    return (await type(host, `docker inspect -f '${format}' ${name}`)).trim();
  };
  const refused = async (host: DockerHost, line: string): Promise<string> => {
    const { status, stderr } = await host.exec(['sh', '-c', line]);
    expect([line, status]).not.toEqual([line, 0]);
    return stderr;
  };
  const report = async (host: DockerHost): Promise<Report> =>
    JSON.parse(await type(host, 'mesh report -f json || mesh report --json'));
  const named = (host: DockerHost, name: string, addresses: readonly string[]) =>
    until(
      async () =>
        (await type(host, `mesh dns-lookup ${name}`)).trim().split('\n').sort().join() ===
          addresses.toSorted().join() || undefined,
      () => `${host.name} does not say ${addresses.join(' ') || 'that there is no'} ${name}`,
      5 * SECOND,
    );
  /** What both hosts hold of addresses that an engine answers for. */
  const held = async (): Promise<string[]> => {
    const all = await Promise.all(lab.hosts.map(host => type(host, 'mesh ps --json || true')));
    return all.flatMap(text => [...text.matchAll(/"(?:endpoint|docker):[^"]*"/g)].map(([found]) => found));
  };

  it('says what a reboot costs where the router is a container, and what helps', () => {
    expect(launched.status).toBe(0);
    expect(launched.stderr).toMatch(/^mesh: after a reboot Docker waits 15 s .*"mesh install"/m);
  });

  it('puts containers on the mesh, where they reach each other', async () => {
    await type(one, 'docker run -dit --network mesh --name box1 busybox');
    await type(two, 'docker run -dit --network mesh --name box2 busybox');
    const [first, second] = [await addressOf(one, 'box1'), await addressOf(two, 'box2')];
    expect(first).not.toBe(second);
    expect(await type(one, `docker exec box1 ping -c 3 -W 1 ${second}`)).toContain(' 0% packet loss');
    expect(await type(two, `docker exec box2 ping -c 3 -W 1 ${first}`)).toContain(' 0% packet loss');
  });

  it('has the interface up, with its address and routes, at the first instruction', async () => {
    const peer = await addressOf(two, 'box2');
    const seen = await type(
      one,
      `docker run --rm --network mesh busybox sh -c 'ip addr show ethmesh0; ip route; ping -c 1 -W 1 ${peer}'`,
    );
    expect(seen).toMatch(/ethmesh0@.*UP.* mtu 1450/);
    expect(seen).toMatch(/inet 10\.3\d\.\d+\.\d+\/13/);
    expect(seen).toContain('224.0.0.0/4 dev ethmesh0');
    // What leaves the mesh goes by the engine's own bridge.
    expect(seen).toMatch(/default via \S+ dev eth0/);
    expect(seen).toContain(' 0% packet loss');
  });

  it('tells the MAC to the engine, and takes the one that a user gives', async () => {
    const format = '{{(index .NetworkSettings.Networks "mesh").MacAddress}}';
    const inside = (await type(one, 'docker exec box1 cat /sys/class/net/ethmesh0/address')).trim();
    expect((await type(one, `docker inspect -f '${format}' box1`)).trim()).toBe(inside);
    const mac = '02:42:0a:20:12:34';
    // As `docker run --mac-address` of that engine's time; later command lines ask for later engines.
    const body = JSON.stringify({
      ...{ Image: 'busybox', Cmd: ['sleep', '60'], MacAddress: mac },
      HostConfig: { NetworkMode: 'mesh' },
    });
    await type(
      one,
      `curl -sf --unix-socket /var/run/docker.sock -H 'Content-Type: application/json' -d '${body}' \\
        'http://docker/v1.41/containers/create?name=maced'; docker start maced`,
    );
    const shown = await type(
      one,
      'docker exec maced cat /sys/class/net/ethmesh0/address; docker rm -f maced >/dev/null',
    );
    expect(shown.trim()).toBe(mac);
  });

  it('lets names, host names and aliases resolve on all hosts, and ends them with their containers', async () => {
    const alias = '--network-alias store --hostname shop';
    await type(one, `docker run -dit --network mesh --name db ${alias} busybox`);
    const address = await addressOf(one, 'db');
    for (const name of ['db', 'store', 'shop'])
      for (const host of lab.hosts) await named(host, name, [address]);
    await type(one, 'docker rename db base');
    await named(two, 'base', [address]);
    await named(two, 'db', []);
    await type(one, 'docker rm -f base');
    for (const name of ['base', 'store', 'shop']) await named(two, name, []);
  });

  it('gives a fixed address, and refuses it a second time by the name of who has it', async () => {
    await type(one, 'docker run -dit --network mesh --ip 10.32.7.7 --name fixed busybox');
    expect(await addressOf(one, 'fixed')).toBe('10.32.7.7');
    await named(two, 'fixed', ['10.32.7.7']);
    expect(await refused(two, 'docker run --rm --network mesh --ip 10.32.7.7 busybox true')).toMatch(
      /10\.32\.7\.7 is held by fixed on host1/,
    );
    await type(one, 'docker restart -t 0 fixed');
    expect(await addressOf(one, 'fixed')).toBe('10.32.7.7');
    expect(await type(two, 'docker exec box2 ping -c 2 -W 1 10.32.7.7')).toContain(' 0% packet loss');
    await type(one, 'docker rm -f fixed');
  });

  it('refuses by name what a mesh network has not', async () => {
    const create = 'docker network create -d mesh';
    expect(await refused(one, `${create} own`)).toMatch(/--ipam-driver mesh/);
    const ours = `${create} --ipam-driver mesh`;
    expect(await refused(one, `${ours} -o encrypted=x odd`)).toMatch(/takes no value/);
    expect(await refused(one, `${ours} -o color=red odd`)).toMatch(/no option "color"/);
    expect(await refused(one, `${ours} --subnet 10.32.0.0/24 odd`)).toMatch(/overlaps/);
    expect(await refused(one, `${ours} --subnet 192.168.7.0/24 odd`)).toMatch(/outside/);
    expect(await type(one, 'docker network ls -q -f driver=mesh | wc -l')).toBe('1\n');
  });

  it('makes the networks of the mesh, each to itself, and one that leads nowhere else', async () => {
    const options = '--subnet 10.40.16.0/20 --ip-range 10.40.24.0/24 --aux-address printer=10.40.24.1';
    const mesh = options.replace('--aux-address ', '--aux-address=');
    await type(one, `mesh network create ${mesh} --internal inner`);
    for (const host of lab.hosts) await has(host, 'inner');
    await type(one, 'docker run -dit --network inner --name in1 busybox');
    await type(two, 'docker run -dit --network inner --name in2 busybox');
    const [first, second] = [await addressOf(one, 'in1', 'inner'), await addressOf(two, 'in2', 'inner')];
    for (const address of [first, second]) expect(address).toMatch(/^10\.40\.24\./);
    expect([first, second]).not.toContain('10.40.24.1');
    expect(await type(one, `docker exec in1 ping -c 2 -W 1 ${second}`)).toContain(' 0% packet loss');
    expect(await type(one, 'docker exec in1 ip route')).not.toContain('default');
    const elsewhere = await one.docker([
      'exec',
      'in1',
      'ping',
      '-c',
      '1',
      '-W',
      '1',
      await addressOf(one, 'box1'),
    ]);
    expect(elsewhere.status).not.toBe(0);
    await type(one, 'docker network connect inner box1');
    expect(await type(one, `docker exec box1 ping -c 2 -W 1 ${second}`)).toContain(' 0% packet loss');
    await type(one, 'docker network disconnect inner box1');
    expect(await type(one, 'docker exec box1 ip addr')).not.toContain('10.40.');
    await type(one, 'docker network create -d mesh --ipam-driver mesh -o encrypted sealed');
    await has(two, 'sealed');
    expect(await type(two, 'mesh network ls')).toMatch(/^sealed .*encrypted$/m);
    await type(two, 'docker network rm sealed');
    for (const host of lab.hosts) await type(host, 'docker rm -f $(docker ps -q --filter name=in)');
    await until(
      async () => (await one.mesh(['network', 'rm', 'inner'])).status === 0 || undefined,
      () => 'the network can not be removed',
      5 * SECOND,
    );
  });

  it('goes on without a router; what ends or begins waits for the next one', async () => {
    await type(one, 'docker run -dit --network mesh --name ends busybox');
    const [first, gone] = [await addressOf(one, 'box1'), await addressOf(one, 'ends')];
    await type(one, 'docker kill mesh');
    const begins = type(one, 'docker run -dit --network mesh --name begins busybox');
    const ends = type(one, 'docker rm -f ends');
    expect(await type(two, `docker exec box2 ping -c 3 -W 1 ${first}`)).toContain(' 0% packet loss');
    await type(one, 'docker start mesh');
    await Promise.all([begins, ends]);
    await named(two, 'ends', []);
    await named(two, 'begins', [await addressOf(one, 'begins')]);
    expect(await type(two, `docker exec box2 ping -c 3 -W 1 ${first}`)).toContain(' 0% packet loss');
    await type(one, `docker rm -f begins; docker run --rm --network mesh --ip ${gone} busybox true`);
  });

  it('has nothing left when all containers have ended', async () => {
    for (const host of lab.hosts)
      await type(host, 'docker rm -f $(docker ps -aq --filter ancestor=busybox) >/dev/null');
    await until(
      async () => ((await held()).length === 0 ? true : undefined),
      () => 'addresses are left',
      10 * SECOND,
    );
    for (const host of lab.hosts) {
      expect((await report(host)).endpoints).toEqual([]);
      expect(await type(host, 'ip -brief link')).not.toMatch(/^mesh-/m);
    }
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
