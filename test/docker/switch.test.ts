import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';

/** What firewall managers, Docker and orchestrators do to hosts, all at once. */
const HOSTILE = `
  iptables -P FORWARD DROP
  nft 'table inet hostile { chain forward { type filter hook forward priority 10; policy drop; }; }'
  sysctl -q -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-arptables=1`;

/** Two namespaces on a bridge in the host's own namespace: what the switch would be, were it no namespace. */
const PLAIN_BRIDGE = `
  ip link add plain type bridge
  ip link set plain up
  for n in 1 2; do
    ip netns add plain$n
    ip link add plain$n master plain type veth peer name eth0 netns plain$n
    ip link set plain$n up
    ip -netns plain$n address add 10.9.9.$n/24 dev eth0
    ip -netns plain$n link set eth0 up
  done`;

describe('the switch namespace, made by a router in a container', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;

  const ping = (count: number) =>
    one.docker(['exec', 'box1', 'ping', '-c', String(count), '-i', '0.1', '-W', '1', '10.0.0.12']);

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    for (const host of lab.hosts) await type(host, HOSTILE);
    await type(one, 'mesh launch');
    await type(two, 'mesh launch 192.168.48.11');
    await type(one, 'docker run -dit --name box1 busybox; mesh attach 10.0.0.11/24 box1');
    await type(two, 'docker run -dit --name box2 busybox; mesh attach 10.0.0.12/24 box2');
  });
  afterAll(() => lab?.destroy());

  it('stands on hosts whose firewall lets no bridged frame pass', async () => {
    await type(one, PLAIN_BRIDGE);
    const { stdout } = await one.exec([
      'ip',
      'netns',
      'exec',
      'plain1',
      'ping',
      '-c',
      '2',
      '-W',
      '1',
      '10.9.9.2',
    ]);
    expect(stdout).toContain(' 100% packet loss');
  });

  it('is made with the designed capabilities, on a process list of its own', async () => {
    const inspect = [
      'inspect',
      '--format',
      '{{.State.Pid}} {{.HostConfig.Privileged}} {{.HostConfig.PidMode}}.',
    ];
    const [pid, privileged, pidMode] = (await one.docker([...inspect, 'mesh'])).stdout.trim().split(' ');
    expect([privileged, pidMode]).toEqual(['false', '.']);
    // CHOWN, NET_BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_ADMIN: bits 0, 10, 12, 13 and 21 (linux/capability.h).
    expect(await one.succeed(['grep', 'CapBnd', `/proc/${pid}/status`])).toBe('CapBnd:\t0000000000203401\n');
  });

  it('carries frames between containers of two hosts without loss', async () => {
    expect((await ping(20)).stdout).toContain(' 0% packet loss');
  });

  it('outlives the container that made it, without the loss of a frame', async () => {
    const running = ping(50);
    for (const host of lab.hosts) {
      await type(host, 'docker kill mesh');
      expect(await type(host, 'docker ps --filter name=mesh --quiet')).toBe('');
    }
    expect((await running).stdout).toContain(' 0% packet loss');
    expect((await ping(10)).stdout).toContain(' 0% packet loss');
  });

  it('is adopted by the next router: it is the same namespace', async () => {
    const before = await type(one, 'stat -Lc %i /run/mesh/switch');
    await type(one, 'mesh launch');
    expect(await type(one, 'stat -Lc %i /run/mesh/switch')).toBe(before);
    expect((await ping(10)).stdout).toContain(' 0% packet loss');
  });
});
