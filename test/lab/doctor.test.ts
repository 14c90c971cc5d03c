import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/api/control/finding.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { until } from '../support/until.ts';

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.destroy();
  lab = undefined;
});

async function hosts(count: number): Promise<readonly Host[]> {
  lab = await createLab({ hosts: count });
  return lab.hosts;
}

interface Diagnosis {
  readonly status: number;
  readonly findings: readonly Finding[];
  /** One line a finding: level, check, sentence. */
  readonly lines: readonly string[];
}

async function diagnose(host: Host): Promise<Diagnosis> {
  const { status, stdout, stderr } = await host.mesh(['doctor', '--json']);
  expect(stdout, stderr).not.toBe('');
  const findings = JSON.parse(stdout) as readonly Finding[];
  return { status, findings, lines: findings.map(({ level, check, what }) => `${level} ${check}: ${what}`) };
}

/** Asks until one of the lines has `sentence`. */
const untilSaid = (host: Host, sentence: string): Promise<Diagnosis> => {
  let last: readonly string[] = [];
  return until(
    async () => {
      const diagnosis = await diagnose(host);
      last = diagnosis.lines;
      return last.some(line => line.includes(sentence)) ? diagnosis : undefined;
    },
    () => last.join('\n'),
    30_000,
  );
};

async function launch(host: Host, ...peers: string[]): Promise<void> {
  await host.succeed(['mesh', 'launch', '--native', ...peers]);
}

/** What there is of files, links, namespaces, processes and rules: the same again after nothing was done. */
const traces = (host: Host): Promise<string> =>
  host.succeed([
    'sh',
    '-c',
    `find /run /var/lib/mesh /tmp -not -path "/run/lab/*" -not -path "${process.cwd()}/*" | sort; ip -brief link; nft list ruleset; cat /proc/self/mountinfo | wc -l; ls /proc | grep -c "^[0-9]"`,
  ]);

describe('mesh doctor', () => {
  it('finds nothing in the way of healthy hosts, before and after launch, and leaves nothing', async () => {
    const [one, two] = (await hosts(2)) as [Host, Host];
    const before = await traces(one);
    expect(await diagnose(one)).toMatchObject({ status: 0 });
    expect(await traces(one)).toBe(before);
    await launch(one);
    await launch(two, one.address);
    const { lines } = await untilSaid(one, '1 connections, all established');
    expect(lines.filter(line => line.startsWith('problem'))).toEqual([]);
    expect((await diagnose(two)).status).toBe(0);
    const running = await traces(one);
    await diagnose(one);
    expect(await traces(one)).toBe(running);
  });

  it('names who has the ports', async () => {
    const [host] = (await hosts(1)) as [Host];
    await host.succeed([
      'sh',
      '-c',
      'ip link add other type vxlan id 9 dstport 6784 dev eth0 && ip link set other up',
    ]);
    await host.spawn(['busybox', 'nc', '-l', '-p', '6783']);
    const { lines, status } = await untilSaid(host, 'TCP port 6783 is taken');
    expect(status).toBe(1);
    expect(lines).toContainEqual(
      expect.stringMatching(/^problem ports: .*6783 is taken by process \d+ \(.+\)$/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^problem ports: UDP port 6784 is taken by the kernel/),
    );
  });

  it('tells of a firewall that drops frames, on both ends', async () => {
    const [one, two] = (await hosts(2)) as [Host, Host];
    await two.succeed(['nft', '-f', '-'], {
      input: `table inet filter {
        chain input { type filter hook input priority 0; policy accept; udp dport 6784 drop; }
      }`,
    });
    await launch(one);
    await launch(two, one.address);
    const there = await untilSaid(one, 'UDP 6784 is dropped between here and host2');
    expect(there.status).toBe(1);
    expect(there.findings[0]).toMatchObject({ level: 'problem', check: 'connections' });
    expect(there.findings[0]?.cure).toContain('open UDP 6784 there (192.168.48.12)');
    const here = await diagnose(two);
    expect(here.findings[0]).toEqual({
      level: 'problem',
      check: 'firewall',
      what: 'packets for UDP 6784 are dropped by table inet filter, chain input: "udp dport 6784 drop"',
      cure: 'nft insert rule inet filter input udp dport 6784 accept',
    });
    await two.succeed(['sh', '-c', here.findings[0]?.cure ?? 'false']);
    await untilSaid(one, '1 connections, all established');
    expect((await untilSaid(two, '1 connections, all established')).status).toBe(0);
  });

  it('misses nft, and names the package', async () => {
    const [host] = (await hosts(1)) as [Host];
    await host.succeed(['sh', '-c', 'mount --bind /dev/null $(readlink -f $(command -v nft))']);
    const { findings, status } = await diagnose(host);
    expect(status).toBe(1);
    expect(findings[0]).toMatchObject({
      level: 'problem',
      check: 'programs',
      cure: expect.stringContaining('apt-get install nftables'),
    });
  });

  it('sees what a killed router left', async () => {
    const [host] = (await hosts(1)) as [Host];
    await launch(host);
    const box = await host.addNamespace('box1');
    await host.succeed(['mesh', 'attach', '10.0.0.11/24', box]);
    const pid = /process (\d+)/.exec((await diagnose(host)).lines.join('\n'))?.[1];
    await host.succeed(['kill', '-9', pid ?? '']);
    const { lines, status } = await untilSaid(
      host,
      'the switch of a router that is gone carries 1 container',
    );
    expect(status).toBe(0);
    expect(lines).not.toContainEqual(expect.stringContaining('is taken by'));
    await host.succeed(['mesh', 'reset']);
    expect((await diagnose(host)).lines).toContain('ok leftovers: no router that is gone left anything');
  });

  it('sees a state directory in use, and a disk that is full', async () => {
    const [host] = (await hosts(1)) as [Host];
    await launch(host);
    const elsewhere = await host.mesh(['doctor', '--run-dir=/run/other']);
    expect(elsewhere.status).toBe(1);
    expect(elsewhere.stdout).toMatch(/\/var\/lib\/mesh is in use by a router \(process \d+\)/);
    await host.succeed(['mesh', 'reset']);
    await host.succeed([
      'sh',
      '-c',
      'mkdir -p /var/lib/mesh && mount -t tmpfs -o size=1m tmpfs /var/lib/mesh && ! cat /dev/zero >/var/lib/mesh/all 2>/dev/null',
    ]);
    const { lines, status } = await diagnose(host);
    expect(status).toBe(1);
    expect(lines[0]).toMatch(/^problem state: \/var\/lib\/mesh has not enough free space \(0 MiB\)/);
  });

  it('tells of a peer that falls silent', async () => {
    const [one, two] = (await hosts(2)) as [Host, Host];
    await launch(one);
    await launch(two, one.address);
    await untilSaid(one, '1 connections, all established');
    await lab?.cut(one, two);
    const { status, findings } = await untilSaid(one, 'nothing has been heard of host2');
    expect(status).toBe(1);
    expect(findings[0]?.check).toBe('connections');
  });
});
