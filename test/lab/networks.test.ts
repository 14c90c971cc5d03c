import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Report } from '../../src/core/report.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Several networks at once, on hosts with real routers. */

const LAUNCH = 'mesh launch --native --ipalloc-timeout 2';
const box = (name: string): string => `netns:/run/netns/${name}`;

describe('networks beside the default one', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let three: Host;

  beforeAll(async () => {
    lab = await createLab({ hosts: 3 });
    [one, two, three] = lab.hosts as [Host, Host, Host];
    for (const host of lab.hosts) for (const name of ['box', 'db']) await host.addNamespace(name);
    await type(one, LAUNCH);
    for (const host of [two, three]) await type(host, `${LAUNCH} 192.168.48.11 --wait`);
  });
  afterAll(() => lab?.destroy());

  const attach = async (host: Host, words: string): Promise<string> =>
    (await type(host, `mesh attach ${words}`)).trim();
  const networks = async (host: Host): Promise<Report['networks']> =>
    (JSON.parse(await type(host, 'mesh report')) as Report).networks;
  const names = async (host: Host): Promise<string> =>
    (await networks(host)).map(({ name }) => name).join(' ');
  const everywhere = (wanted: string): Promise<unknown> =>
    until(
      async () => (await Promise.all(lab.hosts.map(names))).every(found => found === wanted) || undefined,
      () => `not every host has ${wanted}`,
    );
  const ping = (host: Host, from: string, address: string) =>
    host.exec(['ip', 'netns', 'exec', from, 'ping', '-c', '1', '-W', '1', address]);
  /** News of a container takes a moment to get to other hosts. */
  const reaches = (host: Host, from: string, address: string) =>
    until(
      async () => (await ping(host, from, address)).status === 0 || undefined,
      () => `${from} of ${host.name} does not reach ${address}`,
    );
  const shows = async (host: Host, command: string, wanted: RegExp): Promise<void> => {
    let shown = '';
    await until(
      async () => {
        shown = await type(host, command);
        return wanted.test(shown) || undefined;
      },
      () => `${command} on ${host.name} shows ${shown}`,
    );
  };

  it('are there on all hosts when made on one', async () => {
    expect(await type(one, 'mesh network create prod --subnet 10.40.0.0/16 --mtu 1300')).toBe(
      'prod 10.40.0.0/16\n',
    );
    expect(await type(two, 'mesh network create test')).toMatch(/^test 10\.4\d\.\d+\.0\/20\n$/);
    await everywhere('mesh prod test');
    expect(await type(three, 'mesh network ls')).toMatch(
      /^mesh {2}10\.32\.0\.0\/13 +vni=6784 +mtu=1450 {2}0 endpoints\nprod {2}10\.40\.0\.0\/16 +vni=\d+ +mtu=1300 {2}0 endpoints\ntest {2}10\.4\d\.\d+\.0\/20 +vni=\d+ +mtu=1450 {2}0 endpoints\n$/,
    );
  });

  it('carry what is on them, and nothing of one another', async () => {
    const [web, db] = [
      await attach(one, `--network prod ${box('box')}`),
      await attach(two, `--network prod ${box('db')}`),
    ];
    const other = await attach(three, `--network test ${box('box')}`);
    expect([web, db].every(address => address.startsWith('10.40.'))).toBe(true);
    await reaches(one, 'box', db);
    await reaches(two, 'db', web);
    // The same subnet by hand, on another network: nothing answers there, not even ARP.
    await type(three, `ip netns exec box ip address add 10.40.77.77/16 dev eth-test`);
    expect((await ping(three, 'box', web)).status).not.toBe(0);
    expect(await type(three, 'ip netns exec box ip neighbour')).not.toMatch(
      new RegExp(`^${web.replaceAll('.', '\\.')} .*lladdr`, 'm'),
    );
    await shows(
      three,
      'mesh network inspect prod',
      new RegExp(`\n\n${web}/16 +\\S+ +box +.*\\(host1\\)\n${db}/16 +\\S+ +db +.*\\(host2\\)\n$`),
    );
    expect(await type(one, 'ip netns exec box ip -o link show eth-prod')).toContain('mtu 1300');
    await type(three, `mesh detach --network test ${box('box')}`);
    expect(other).toMatch(/^10\.4/);
  });

  it('can be joined by one container together with the default one', async () => {
    const address = await attach(two, box('db'));
    expect(await attach(one, `${box('db')}`)).toMatch(/^10\.3/);
    await reaches(one, 'db', address);
    expect((await ping(one, 'box', address)).status).not.toBe(0);
  });

  it('go on while routers are killed, and are adopted by those that follow', async () => {
    const [member] = (
      JSON.parse(await type(two, 'mesh network inspect prod --json')) as {
        members: { address: string; containerName: string }[];
      }
    ).members.filter(({ containerName }) => containerName === 'db');
    const index = await type(one, 'ip netns exec box cat /sys/class/net/eth-prod/ifindex');
    for (const host of [one, two]) {
      const health = await ask(`/proc/${host.pid}/root/run/mesh/mesh.sock`, 'health');
      await type(host, `kill -9 ${health.ok && health.value.pid}`);
    }
    expect((await ping(one, 'box', member!.address)).status).toBe(0);
    for (const host of [one, two]) await type(host, `${LAUNCH} --resume`);
    await everywhere('mesh prod test');
    for (const host of lab.hosts)
      await shows(host, 'mesh status connections', /established[\s\S]*established/);
    expect((await ping(one, 'box', member!.address)).status).toBe(0);
    expect(await type(one, 'ip netns exec box cat /sys/class/net/eth-prod/ifindex')).toBe(index);
  });

  it('are removed from all hosts, but not while something is on them', async () => {
    await expectRefused(
      three,
      {
        command: 'mesh network rm prod',
        status: 1,
        says: /^network "prod" is in use by box on host1, db on host2; detach or remove those first$/,
      },
      {
        command: 'mesh network rm mesh',
        status: 1,
        says: '"mesh" is the network that every host has; "mesh reset" ends it',
      },
      {
        command: 'mesh network rm none',
        status: 1,
        says: 'there is no network "none"; "mesh network ls" lists them',
      },
    );
    await type(one, `mesh detach --network prod ${box('box')}`);
    await type(two, `mesh detach --network prod ${box('db')}`);
    await until(
      async () => (await three.mesh(['network', 'rm', 'prod', 'test'])).status === 0 || undefined,
      () => 'prod is still in use',
    );
    await everywhere('mesh');
  });

  it('are refused with the value that is wrong', async () => {
    await expectRefused(
      one,
      {
        command: 'mesh network create "a b"',
        status: 1,
        says: '"a b" can\'t be the name of a network; it takes letters, digits, ".", "_" and "-", at most 63, the first a letter or digit',
      },
      {
        command: 'mesh network create a --subnet 10.40.0.0',
        status: 1,
        says: '"10.40.0.0" is not an address with a prefix; write it like 10.0.0.11/24',
      },
      {
        command: 'mesh network create a --subnet 10.40.0.1/16',
        status: 1,
        says: '10.40.0.1/16 is no subnet: bits after the prefix are set; write its first address',
      },
      {
        command: 'mesh network create a --subnet 192.168.7.0/24',
        status: 1,
        says: '192.168.7.0/24 lies outside of 10.32.0.0/12, which is what the mesh gives out',
      },
      {
        command: 'mesh network create a --subnet 10.36.0.0/16',
        status: 1,
        says: '10.36.0.0/16 overlaps with 10.32.0.0/13 of network "mesh"; take another',
      },
      {
        command: 'mesh network create a --mtu 9',
        status: 2,
        says: 'mtu: "9" is not allowed; it takes a size of 576 bytes or more',
      },
      {
        command: 'mesh network create a --mtu x',
        status: 2,
        says: '--mtu: "x" is not allowed; it takes a number of bytes',
      },
      {
        command: 'mesh network create a --aux-address 10.40.0.1',
        status: 2,
        says: '--aux-address: "10.40.0.1" is not allowed; it takes NAME=ADDRESS',
      },
      {
        command: 'mesh network inspect none',
        status: 1,
        says: 'there is no network "none"; "mesh network ls" lists them',
      },
      {
        command: `mesh attach --network none ${box('box')}`,
        status: 1,
        says: 'there is no network "none"; "mesh network ls" lists them',
      },
    );
    expect(await names(one)).toBe('mesh');
  });
});
