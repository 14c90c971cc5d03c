import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { abandonLab } from '../support/lab/abandoned.ts';
import { startHost } from '../support/lab/host.ts';
import { buildLab, createLab, type Lab } from '../support/lab/lab.ts';
import { expectGone, processesIn, takeTraces } from '../support/lab/traces.ts';

const labs: Lab[] = [];
async function lab(hosts: number): Promise<Lab> {
  const created = await createLab({ hosts });
  labs.push(created);
  return created;
}
afterEach(async () => {
  await Promise.all(labs.splice(0).map(created => created.destroy()));
});

const reaches = async (lab: Lab, from: number, address: string) => {
  const { status } = await lab.hosts[from]!.exec(['ping', '-c', '1', '-W', '1', address]);
  return status === 0;
};

describe('a lab of namespaces', () => {
  it('has hosts with a name, an address and files of their own', async () => {
    const [one, two] = (await lab(2)).hosts;
    expect(await one!.succeed(['hostname'])).toBe('host1\n');
    expect(await two!.succeed(['ip', '-4', '-brief', 'address', 'show', 'eth0'])).toContain(
      '192.168.48.12/24',
    );
    const checkout = join(import.meta.dirname, '../..');
    for (const folder of ['/run', '/tmp', '/etc', '/var/lib/mesh', checkout]) {
      const path = join(folder, 'mark-of-host1');
      await one!.succeed(['touch', path]);
      expect((await two!.exec(['test', '-e', path])).status, path).toBe(1);
      expect(existsSync(path), path).toBe(false);
    }
    expect(await two!.succeed(['ps', '-e', '-o', 'pid=', '--sort=pid'])).toMatch(/^ *1\n/);
  });

  it('has hosts that reach one another, except where they are cut', async () => {
    const created = await lab(3);
    const [one, two] = created.hosts;
    expect(await reaches(created, 0, '192.168.48.12')).toBe(true);
    await created.cut(one!, two!);
    expect(await reaches(created, 0, '192.168.48.12')).toBe(false);
    expect(await reaches(created, 1, '192.168.48.11')).toBe(false);
    expect(await reaches(created, 0, '192.168.48.13')).toBe(true);
    await created.heal(one!, two!);
    expect(await reaches(created, 0, '192.168.48.12')).toBe(true);
  });

  it('has namespaces that stand in for containers', async () => {
    const [host] = (await lab(1)).hosts;
    const name = await host!.addNamespace('box1');
    expect(name).toBe('netns:/run/netns/box1');
    const links = await host!.succeed(['ip', '-netns', 'box1', '-oneline', 'link']);
    expect(links.trim().split('\n')).toEqual([expect.stringContaining('lo: <LOOPBACK,UP,LOWER_UP>')]);
  });

  it('runs commands: status, output, signals', async () => {
    const [host] = (await lab(1)).hosts;
    expect(await host!.exec(['sh', '-c', 'cat; echo no >&2; exit 3'], { input: 'yes' })).toEqual({
      ...{ status: 3, stdout: 'yes', stderr: 'no\n' },
    });
    const program = await host!.spawn(['sleep', '60']);
    expect((await program.stop('INT')).status).toBe(130);
    await expect(host!.succeed(['false'])).rejects.toThrow('host1# false: exit status 1');
  });

  it('does not see another lab', async () => {
    const [small, large] = [await lab(1), await lab(2)];
    expect(await reaches(large, 0, '192.168.48.12')).toBe(true);
    expect(await reaches(small, 0, '192.168.48.12')).toBe(false);
    await small.destroy();
    expect(await reaches(large, 0, '192.168.48.12')).toBe(true);
  });

  it('leaves nothing when it is destroyed', async () => {
    const created = await lab(2);
    await created.hosts[0]!.addNamespace('box1');
    await created.hosts[0]!.spawn(['sleep', '600']);
    const traces = await takeTraces(
      created.name,
      created.hosts.map(({ pid }) => pid),
    );
    await created.destroy();
    expect(processesIn(traces.namespaces)).toEqual([]);
    await expectGone(traces);
  });

  it.each(['SIGKILL', 'SIGINT'] as const)('leaves nothing when its owner gets %s', async signal => {
    await expectGone(await abandonLab('namespaces', signal));
  });

  it('leaves nothing when a host can not be started', async () => {
    const disks: string[] = [];
    const refused = buildLab(2, options => {
      disks.push(options.disk);
      return startHost({ ...options, service: '/bin/false' });
    });
    await expect(refused).rejects.toThrow('ended with 1');
    expect(disks).toHaveLength(2);
    await expectGone({ lab: basename(dirname(disks[0]!)), namespaces: [] });
  });
});
