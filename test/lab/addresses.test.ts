import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Report } from '../../src/core/report.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Addresses that the mesh gives out itself, on hosts with real routers. */

const BOX = 'netns:/run/netns/box';
const TIMEOUT = '--ipalloc-timeout 2';
const LAUNCH = `mesh launch --native ${TIMEOUT}`;

const report = async (host: Host): Promise<Report> => JSON.parse(await type(host, 'mesh report'));
const attach = async (host: Host, words: string): Promise<string> =>
  (await type(host, `mesh attach ${words}`)).trim();
/** The router's control socket, as it is reached from here. */
const socketOf = (host: Host): string => `/proc/${host.pid}/root/run/mesh/mesh.sock`;
/** News of a container takes a moment to get to other hosts. */
const reaches = (host: Host, from: string, address: string) =>
  until(
    async () =>
      (await host.exec(['ip', 'netns', 'exec', from, 'ping', '-c', '1', '-W', '2', address])).status === 0 ||
      undefined,
    () => `${from} of ${host.name} does not reach ${address}`,
  );

describe('the addresses of a mesh', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let three: Host;
  /** What each host's `box` has. */
  const given: string[] = [];

  beforeAll(async () => {
    lab = await createLab({ hosts: 3 });
    [one, two, three] = lab.hosts as [Host, Host, Host];
    for (const host of lab.hosts) for (const name of ['box', 'other']) await host.addNamespace(name);
    await type(one, LAUNCH);
    for (const host of [two, three]) await type(host, `${LAUNCH} 192.168.48.11 --wait`);
  });
  afterAll(() => lab?.destroy());

  it('are given without being named, each once, and reach one another', async () => {
    for (const host of lab.hosts) given.push(await attach(host, BOX));
    expect(given[0]).toBe('10.32.0.1');
    expect(new Set(given).size).toBe(3);
    for (const address of given) expect(address).toMatch(/^10\.(3[2-9]|4[0-7])\.\d+\.\d+$/);
    for (const host of lab.hosts) for (const address of given) await reaches(host, 'box', address);
    expect(await attach(one, BOX)).toBe(given[0]);
    const mac = /0a:[0-9a-f:]{14}/;
    expect(await type(one, 'mesh ps')).toMatch(new RegExp(`^${BOX} ${mac.source} 10\\.32\\.0\\.1/13\n$`));
  });

  it('are shared out, as status shows', async () => {
    await until(
      async () => {
        const { ipam } = await report(three);
        return (
          ipam?.shares.length === 3 &&
          ipam.shares.every(({ addresses }) => addresses > 0 && addresses < 2 ** 20)
        );
      },
      () => 'host3 does not know what the others have',
    );
    const lines = (await type(three, 'mesh status ipam')).trimEnd().split('\n');
    expect(lines[0]).toMatch(/^[0-9a-f:]{17}\(host3\) {14} +\d+ IPs \(\d\d\.\d% of total\) \(1 active\)$/);
    expect(
      lines
        .slice(1)
        .map(line => line.replace(/^.*\((host\d)\) +\d+ IPs \(\d\d\.\d% of total\)$/, '$1'))
        .sort(),
    ).toEqual(['host1', 'host2']);
    const counts = lines.map(line => Number(/(\d+) IPs/.exec(line)?.[1]));
    expect(counts.reduce((sum, count) => sum + count)).toBe(2 ** 20);
    expect(await type(three, 'mesh prime')).toBe('');
  });

  it('can be named wherever they lie, unless somebody has them', async () => {
    expect(await attach(three, '10.32.0.77/12 netns:/run/netns/other')).toBe('10.32.0.77');
    await reaches(one, 'box', '10.32.0.77');
    const kept = await ask(socketOf(one), 'claim', {
      owner: 'a program',
      address: '10.32.0.88/12',
    });
    expect(kept).toEqual({ ok: true, value: { addresses: ['10.32.0.88/12'] } });
    const command = (address: string) => `mesh attach ${address}/12 ${BOX}`;
    await expectRefused(
      three,
      {
        command: command('10.32.0.1'),
        status: 1,
        says: '10.32.0.1 is held by box on host1; take another, or detach it there',
      },
      {
        command: command('10.32.0.88'),
        status: 1,
        says: '10.32.0.88/12 is among the addresses of host1, which has given it to something or does not answer; take another, or look at "mesh ps" there',
      },
      {
        command: `mesh attach net:10.48.0.0/16 ${BOX}`,
        status: 1,
        says: '10.48.0.0/16 lies outside of 10.32.0.0/12, which is what the mesh gives out',
      },
      {
        command: `mesh attach net:10.40.0.1/16 ${BOX}`,
        status: 1,
        says: '10.40.0.1/16 is no subnet: bits after the prefix are set; write its first address',
      },
      {
        command: `mesh attach net:10.40.0.0/31 ${BOX}`,
        status: 1,
        says: '10.40.0.0/31 is too small to give out addresses: it takes a prefix of /30 or shorter',
      },
    );
  });

  it('stay with their containers when the router is killed', async () => {
    const before = await type(two, 'mesh ps');
    const health = await ask(socketOf(two), 'health');
    await type(two, `kill -9 ${health.ok && health.value.pid}; ${LAUNCH} 192.168.48.11 --wait`);
    expect(await type(two, 'mesh ps')).toBe(before);
    expect(await attach(two, BOX)).toBe(given[1]);
    expect(await attach(two, 'netns:/run/netns/other')).not.toBe(given[1]);
    await type(two, 'mesh detach netns:/run/netns/other');
    await reaches(one, 'box', given[1]!);
  });

  it('are free again when their containers are gone', async () => {
    const address = await attach(one, 'netns:/run/netns/other');
    await type(one, 'ip netns delete other');
    await until(
      async () => !(await report(one)).endpoints.some(endpoint => endpoint.address === address) || undefined,
      () => `${address} is still there`,
    );
    await one.addNamespace('next');
    expect(await attach(one, 'netns:/run/netns/next')).toBe(address);
  });

  it('that a host which is cut off would need are told with who holds them', async () => {
    for (const other of [one, two]) await lab.cut(three, other);
    await until(
      async () =>
        (await report(three)).ipam?.shares.slice(1).every(({ reachable }) => !reachable) || undefined,
      () => 'host3 thinks that it reaches the others',
      60_000,
    );
    const silent = '(out of reach|silent for \\d+ s)';
    await expectRefused(three, {
      command: `mesh attach 10.32.0.99/12 ${BOX}`,
      status: 1,
      says: new RegExp(
        `^no address in 10\\.32\\.0\\.99/12 can be had now: it is held by host1 \\(${silent}\\); wait, or if it is gone for good "mesh rmpeer" it$`,
      ),
    });
    expect(await type(three, 'mesh status ipam')).toMatch(/\(host1\) .* - unreachable!$/m);
    // What it holds itself takes nobody.
    expect(await attach(three, `net:10.32.0.0/13 ${BOX}`)).toBe(given[2]);
    for (const other of [one, two]) await lab.heal(three, other);
    await until(
      async () => (await three.mesh(['attach', '10.32.0.99/12', BOX])).status === 0 || undefined,
      () => 'host3 gets no space of host1',
      60_000,
    );
  });

  it('are not mixed with others', async () => {
    await type(three, 'mesh stop');
    await expectRefused(
      three,
      {
        command: 'mesh launch --native --ipalloc-range 10.0.0.0/16',
        status: 1,
        says: 'the router ended while starting: this host has given out addresses of 10.32.0.0/12, and is to give out 10.0.0.0/16 now; launch with --ipalloc-range 10.32.0.0/12, or begin anew with "mesh reset"',
      },
      {
        command: 'mesh launch --native --ipalloc-range 192.168.0.0/16',
        status: 1,
        says: /^the addresses that the mesh gives out, 192\.168\.0\.0\/16, overlap with the route 192\.168\.48\.0\/24 \(\w+\) of this host; take another on all hosts, like --ipalloc-range 10\.160\.0\.0\/12, or pass --force$/,
      },
    );
    await type(three, 'mesh reset; ip route add blackhole 10.33.0.0/16; ip route add 10.34.0.0/16 dev lo');
    await expectRefused(three, {
      command: 'mesh launch --native',
      status: 1,
      says: /^the addresses that the mesh gives out, 10\.32\.0\.0\/12, overlap with the route 10\.3[34]\.0\.0\/16 \(\S+\) of this host; launch all hosts with another range, like --ipalloc-range 10\.160\.0\.0\/12, or pass --force$/,
    });
    await type(three, 'mesh launch --native --force --ipalloc-range ""');
    await expectRefused(three, {
      command: `mesh attach ${BOX}`,
      status: 1,
      says: 'this router gives out no addresses (--ipalloc-range is empty); name one, like 10.0.0.11/24',
    });
    await type(three, 'mesh reset; ip route delete blackhole 10.33.0.0/16; ip route delete 10.34.0.0/16');
  });

  it('wait for the first division, which others may have made in another way', async () => {
    const init = (count: number) => `--ipalloc-init consensus=${count} --ipalloc-range 10.64.0.0/12`;
    await type(three, `${LAUNCH} ${init(3)}`);
    const why = (space: string): string =>
      `no address in ${space} yet: the first division needs 2 of 3 peers, and 1 have voted; connect more hosts, or launch with --ipalloc-init consensus=N or seed=NAME`;
    await expectRefused(
      three,
      { command: 'mesh prime', status: 1, says: why('10.64.0.0/12') },
      { command: `mesh attach ${BOX}`, status: 1, says: why('10.64.0.0/13') },
    );
    expect(await type(three, 'mesh status')).toContain(
      '         Status: undivided: the first division needs 2 of 3 peers, and 1 have voted\n',
    );
    await type(three, `mesh reset; ${LAUNCH} ${init(1)} 192.168.48.11 --wait; mesh prime`);
    const warning = await until(
      async () => /^warning: \S+\(host\d\).*$/m.exec(await type(three, 'mesh status ipam'))?.[0],
      () => 'host3 does not see that host1 has another division',
    );
    const mac = '[0-9a-f:]{17}';
    expect(warning).toMatch(
      new RegExp(
        `^warning: ${mac}\\(host\\d\\) divided 10\\.32\\.0\\.0/12 among ${mac}, and this host 10\\.64\\.0\\.0/12 among ${mac}: neither gets`,
      ),
    );
  });
});
