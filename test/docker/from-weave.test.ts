import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';

/** What a user of Weave's does and sees: the walk of docs/from-weave.md, and what its scripts look for. */

const ROOT = join(import.meta.dirname, '..', '..');

/** The commands of the walk, as the page has them. */
function walk(): string {
  const page = readFileSync(join(ROOT, 'docs', 'from-weave.md'), 'utf8');
  const section = page.split(/^## /m).find(part => part.startsWith('The walk\n')) ?? '';
  return section
    .split('\n')
    .filter(line => line.startsWith('    '))
    .map(line => line.trim())
    .join('\n');
}

/**
 * A host as the original leaves it, where it has no Open vSwitch: a bridge `weave`, and in each container an interface `ethwe`. In
 * the place of its command one that says as much of them as the walk asks.
 */
const AS_WEAVE_LEAVES_IT = (exposed: string, containers: Readonly<Record<string, string>>): string => `
  ip link add weave type bridge; ip link set weave up; ip address add ${exposed} dev weave
  ${Object.entries(containers)
    .map(
      ([name, address]) => `
  docker run -dit --name ${name} --hostname ${name}.weave.local busybox >/dev/null
  pid=$(docker inspect -f '{{.State.Pid}}' ${name})
  ip link add vethwepl${name} type veth peer name ethwe netns $pid
  ip link set vethwepl${name} master weave up
  nsenter -t $pid -n ip address add ${address} dev ethwe; nsenter -t $pid -n ip link set ethwe up
  echo "$(docker inspect -f '{{printf "%.12s" .Id}}' ${name}) 02:00:00:00:00:01 ${address}" >>/root/attached`,
    )
    .join('\n')}
  mkdir -p /usr/local/bin
  cat >/usr/local/bin/weave <<'END'
#!/bin/sh
case "$*" in
"ps weave:expose") echo "weave:expose 02:00:00:00:00:02 ${exposed}" ;;
ps) echo "weave:expose 02:00:00:00:00:02 ${exposed}"; cat /root/attached ;;
"reset --force") ip link delete weave; for each in $(ls /sys/class/net | grep ^vethwepl); do ip link delete $each; done ;;
*) exit 1 ;;
esac
END
  chmod 755 /usr/local/bin/weave`;

describe('a network of Weave', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    await type(one, AS_WEAVE_LEAVES_IT('10.32.0.1/12', { box1: '10.32.0.2/12', box3: '10.2.1.3/24' }));
    await type(two, AS_WEAVE_LEAVES_IT('10.44.0.1/12', { box2: '10.44.0.2/12' }));
  });
  afterAll(() => lab?.destroy());

  const addressOf = async (host: DockerHost, box: string): Promise<string> =>
    / inet (\S+)/.exec(await type(host, `docker exec ${box} ip -4 address show ethwe`))?.[1] ?? '';

  it('becomes one of ours by the walk, with all its containers and their addresses', async () => {
    const ids = await type(one, 'docker ps -q --no-trunc | sort');
    for (const [host, peers] of [
      [one, ''],
      [two, '192.168.48.11'],
    ] as const)
      await type(host, `set -e; export PEERS=${peers}; cd ${ROOT}\n${walk()}`);
    expect(await addressOf(one, 'box1')).toBe('10.32.0.2/12');
    expect(await addressOf(one, 'box3')).toBe('10.2.1.3/24');
    expect(await addressOf(two, 'box2')).toBe('10.44.0.2/12');
    expect(await type(one, 'docker ps -q --no-trunc --filter name=box | sort')).toBe(ids);
    expect(await type(one, 'docker exec box1 ping -c 1 -W 5 10.44.0.2')).toContain(' 0% packet loss');
    expect(await type(one, 'weave dns-lookup box2')).toBe('10.44.0.2\n');
    expect(await type(two, 'ip -4 address show weave')).toContain('10.44.0.1/12');
    expect(await type(two, 'ping -c 1 -W 5 10.32.0.2')).toContain(' 0% packet loss');
  });

  it('has the names that scripts look for', async () => {
    expect(await type(one, 'docker ps -a --format "{{.Names}}" | grep weave | sort')).toBe(
      'weave\nweavedb\n',
    );
    expect(await type(one, 'docker network ls --filter driver=weavemesh --format "{{.Name}}"')).toBe(
      'weave\n',
    );
    expect(await type(one, 'weave status connections')).toMatch(
      /^<- 192\.168\.48\.12:\d+ +established fastdp +\S+\(host2\) mtu=\d+\n$/,
    );
    for (const port of [6782, 6784])
      expect(
        await type(one, `busybox wget -qO - http://127.0.0.1:${port}/metrics | grep -c ^weave_`),
      ).not.toBe('0\n');
  });

  it('gives new containers of its proxy ethwe before their first instruction', async () => {
    const run = 'eval $(weave env); docker run --rm -e WEAVE_CIDR=10.2.1.9/24 busybox';
    expect(await type(one, `${run} ip -4 address show ethwe`)).toContain('10.2.1.9/24');
    expect(await type(one, `${run} hostname -i`)).toMatch(/^10\.2\.1\.9\b/);
    expect(await type(one, `${run} sh -c 'exit 7' || echo $?`)).toBe('7\n');
    expect(await type(one, `${run} nothing 2>&1 || echo $?`)).toBe(
      'exec: "nothing": executable file not found in $PATH\n127\n',
    );
  });

  it('keeps a container of the proxy that is restarted, also while no router runs', async () => {
    await type(one, 'eval $(weave env); docker run -dit --name box4 -e WEAVE_CIDR=10.2.1.4/24 busybox');
    await type(
      one,
      'docker restart -t 0 box4; until docker exec box4 ip address show ethwe | grep -q 10.2.1.4; do sleep 0.1; done',
    );
    await type(one, 'weave stop; docker restart -t 0 box4; sleep 1; weave launch 192.168.48.12');
    await type(one, 'until docker exec box4 ip address show ethwe | grep -q 10.2.1.4; do sleep 0.1; done');
  });

  it('carries frames by the routers, too, which are containers', async () => {
    await type(one, 'weave stop; weave launch --no-fastdp 192.168.48.12');
    await type(two, 'weave stop; weave launch --no-fastdp 192.168.48.11');
    await type(
      one,
      'n=0; until docker exec box1 ping -c 1 -W 1 10.44.0.2; do n=$((n + 1)); [ $n -lt 20 ]; done',
    );
    expect(await type(one, 'weave status connections')).toContain(' sleeve ');
  });

  it('is gone with reset, but for the program that containers start with', async () => {
    for (const host of [one, two])
      await type(host, 'docker rm -f $(docker ps -aq --filter name=box) && weave reset');
    expect(await type(one, 'docker ps -a --format "{{.Names}}"')).toBe('');
    expect(await type(one, 'ls -d /var/lib/weave/* /var/run/weave/* 2>/dev/null || true')).toBe(
      '/var/lib/weave/wait\n',
    );
  });
});
