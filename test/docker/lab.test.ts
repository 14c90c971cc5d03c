import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import { abandonLab } from '../support/lab/abandoned.ts';
import type { Lab } from '../support/lab/lab.ts';
import { expectGone, processesIn, takeTraces } from '../support/lab/traces.ts';

describe('a lab of Docker hosts', () => {
  let lab: Lab<DockerHost>;
  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
  });
  afterAll(() => lab.destroy());

  it('runs containers on engines that know nothing of one another', async () => {
    const [one, two] = lab.hosts;
    expect((await one!.docker(['run', '-dit', '--name', 'box1', 'busybox'])).status).toBe(0);
    const names = ['ps', '--format', '{{.Names}}'];
    expect((await one!.docker(names)).stdout).toBe('box1\n');
    expect((await two!.docker(names)).stdout).toBe('');
    const ping = await one!.docker(['exec', 'box1', 'ping', '-c', '1', two!.address]);
    expect(ping.stdout).toContain(' 0% packet loss');
  });

  it('has engines that set FORWARD to DROP, as on a real host', async () => {
    expect(await lab.hosts[0]!.succeed(['iptables', '-S', 'FORWARD'])).toContain('-P FORWARD DROP\n');
  });

  it('has an empty disk beside another lab', async () => {
    const other = await createDockerLab({ hosts: 1 });
    expect((await other.hosts[0]!.docker(['ps', '--all', '--quiet'])).stdout).toBe('');
    await other.destroy();
    expect((await lab.hosts[0]!.docker(['ps', '--quiet'])).stdout).not.toBe('');
  });

  it('leaves nothing when it is destroyed', async () => {
    const doomed = await createDockerLab({ hosts: 2 });
    await doomed.hosts[0]!.docker(['run', '-dit', '--restart', 'always', 'busybox']);
    const traces = await takeTraces(
      doomed.name,
      doomed.hosts.map(({ pid }) => pid),
    );
    await doomed.destroy();
    expect(processesIn(traces.namespaces)).toEqual([]);
    await expectGone(traces);
  });

  it('leaves nothing when its owner gets SIGKILL', async () => {
    await expectGone(await abandonLab('docker', 'SIGKILL'));
  });
});
