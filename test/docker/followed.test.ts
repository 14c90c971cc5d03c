import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

describe('containers of a Docker host', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;

  const launch = () => type(one, 'mesh launch --native 192.168.48.12');
  const run = (name: string, options = '') => type(one, `docker run -dit --name ${name} ${options} busybox`);
  const inside = async (name: string) =>
    (await one.docker(['exec', name, 'ip', '-4', '-oneline', 'address'])).stdout;

  /** Waits until the other host shows the address, or no more, and the container has it, or not. */
  async function isAttached(wanted: boolean, name: string, address: string): Promise<void> {
    let seen = '';
    await until(
      async () => {
        seen = `${await type(two, 'mesh status endpoints')}\n${await inside(name)}`;
        const both = seen.split(address).length - 1;
        return both === (wanted ? 2 : 0) || undefined;
      },
      () => `${name} with ${address} attached is not ${wanted}:\n${seen}`,
      30_000,
    );
  }

  const reaches = (name: string) => type(one, `docker exec ${name} ping -c 1 -W 2 10.0.0.12`);

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    await type(two, 'mesh launch --native');
    await launch();
    await type(two, 'docker run -dit --name box2 busybox; mesh attach 10.0.0.12/24 box2');
  });
  afterAll(() => lab?.destroy());

  it('are refused where the mesh can not reach into them, with nothing changed', async () => {
    await run('hosted', '--net=host');
    await type(one, 'docker create --name created busybox');
    const attach = (name: string, says: string) =>
      expectRefused(one, { command: `mesh attach 10.0.0.13/24 ${name}`, status: 1, says });
    await attach('hosted', 'container "hosted" uses the host\'s network; start it without --net=host');
    await attach('created', 'container "created" is created; start it first');
    await attach('nobody', 'no container "nobody" here; "docker ps" lists those that run');
    await run('ended', '--net=none');
    await type(one, 'docker kill ended');
    await attach('ended', 'container "ended" is exited (code 137); start it first');
    await type(one, 'docker rm -f hosted created ended');
  });

  it('without a network are attached, and those that share one have it too', async () => {
    await run('none', '--net=none');
    await run('sharing', '--net=container:none');
    await type(one, 'mesh attach 10.0.0.21/24 none');
    await isAttached(true, 'none', '10.0.0.21');
    expect(await inside('sharing')).toContain('10.0.0.21/24');
    await reaches('sharing');
    await type(one, 'docker rm -f sharing none');
  });

  it('are followed through restart, kill and removal', { timeout: 120_000 }, async () => {
    await run('box1');
    expect(await type(one, 'mesh attach 10.0.0.11/24 box1')).toBe('10.0.0.11\n');
    expect(await type(one, 'mesh attach 10.0.0.11/24 $(docker ps -q --filter name=box1)')).toBe(
      '10.0.0.11\n',
    );
    await isAttached(true, 'box1', '10.0.0.11');
    await type(one, 'docker restart -t 0 box1');
    await isAttached(true, 'box1', '10.0.0.11');
    await reaches('box1');
    await type(one, 'docker kill box1');
    await isAttached(false, 'box1', '10.0.0.11');
    await type(one, 'docker start box1');
    await isAttached(true, 'box1', '10.0.0.11');
    await type(one, 'docker rm -f box1');
    await isAttached(false, 'box1', '10.0.0.11');
    expect(await type(one, 'mesh status endpoints')).not.toContain('10.0.0.11');
  });

  it('are found as they are by a router that was down meanwhile', { timeout: 120_000 }, async () => {
    for (const name of ['restarted', 'killed', 'removed']) await run(name);
    await type(
      one,
      'mesh attach 10.0.0.31/24 restarted; mesh attach 10.0.0.32/24 killed; mesh attach 10.0.0.33/24 removed',
    );
    await isAttached(true, 'removed', '10.0.0.33');
    await type(one, 'mesh stop; docker restart -t 0 restarted; docker kill killed; docker rm -f removed');
    await launch();
    await isAttached(true, 'restarted', '10.0.0.31');
    await reaches('restarted');
    await isAttached(false, 'killed', '10.0.0.32');
    await isAttached(false, 'removed', '10.0.0.33');
    await type(one, 'docker start killed');
    await isAttached(true, 'killed', '10.0.0.32');
    await type(one, 'docker rm -f restarted killed');
  });

  it('are followed on when the engine restarts under the router', { timeout: 120_000 }, async () => {
    await run('before', '--restart=always');
    await type(one, 'mesh attach 10.0.0.41/24 before');
    await isAttached(true, 'before', '10.0.0.41');
    await type(
      one,
      `pid=$(cat /var/run/docker.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done
       setsid dockerd --storage-driver overlay2 </dev/null >/run/dockerd.log 2>&1 &
       until docker version >/dev/null 2>&1; do sleep 0.1; done`,
    );
    await isAttached(true, 'before', '10.0.0.41');
    await reaches('before');
    await run('after');
    await type(one, 'mesh attach 10.0.0.42/24 after');
    await isAttached(true, 'after', '10.0.0.42');
    await type(one, 'docker kill after');
    await isAttached(false, 'after', '10.0.0.42');
  });
});
