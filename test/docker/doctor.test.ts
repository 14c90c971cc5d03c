import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/api/control/finding.ts';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';

describe('mesh doctor beside an engine', () => {
  let lab: Lab<DockerHost>;
  let host: DockerHost;

  async function diagnose(): Promise<readonly string[]> {
    const { stdout, stderr } = await host.mesh(['doctor', '--json']);
    expect(stdout, stderr).not.toBe('');
    return (JSON.parse(stdout) as readonly Finding[]).map(
      each => `${each.level} ${each.check}: ${each.what}`,
    );
  }
  const traces = () => type(host, 'ls /run /var/lib; docker ps -aq; docker volume ls -q; ip -brief link');

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 1 });
    [host] = lab.hosts as [DockerHost];
  });
  afterAll(() => lab?.destroy());

  it('knows the engine, the router as its container, and what is left of that', async () => {
    await type(host, 'mesh launch');
    const running = await diagnose();
    expect(running).toContainEqual(
      expect.stringMatching(/^ok engine: Docker [\d.]+.* \(API 1\.\d+\) answers$/),
    );
    expect(running).toContainEqual(expect.stringMatching(/^ok router: router .* runs \(container,/));
    expect(running.filter(line => line.startsWith('problem'))).toEqual([]);
    await type(host, 'docker kill mesh');
    expect(await diagnose()).toContain(
      'note engine: the router\'s container "mesh" is exited, and no router answers',
    );
    await type(host, 'mesh reset');
  });

  it('looks by way of the image on a host without nft, and leaves nothing', async () => {
    await type(host, 'mount --bind /dev/null $(readlink -f $(command -v nft))');
    const before = await traces();
    const lines = await diagnose();
    expect(lines).toContain('ok programs: nft is there');
    expect(lines).toContain('ok firewall: no rule of this host drops UDP 6784');
    expect(lines.filter(line => line.startsWith('problem'))).toEqual([]);
    expect(await traces()).toBe(before);
  });
});
