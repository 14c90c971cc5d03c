import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** The lan of the lab itself: it knows nothing of the mesh. */
const OUTSIDE = '192.168.48.1';

describe('the leg of a Docker host whose router is a container', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;
  let gate: string;

  const forward = (): Promise<string> => type(one, 'iptables -S FORWARD');
  const passes = async (host: DockerHost, command: string): Promise<boolean> =>
    (await host.exec(['sh', '-c', command])).status === 0;
  const outwards = (): Promise<boolean> => passes(two, `docker exec box2 ping -c 1 -W 1 ${OUTSIDE}`);
  /** What the server at `address` shows to a process of the host; empty where it does not answer. */
  const page = async (host: DockerHost, address: string): Promise<string> => {
    const url = `http://${address}:8080/page`;
    const script = `fetch('${url}', { signal: AbortSignal.timeout(2000) }).then(async answer => process.stdout.write(await answer.text()))`;
    return (await host.exec([process.execPath, '-e', script])).stdout;
  };

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    await type(one, 'sysctl -q -w net.bridge.bridge-nf-call-iptables=1');
    await type(one, 'mesh launch');
    await type(two, 'mesh launch 192.168.48.11 --wait');
    // The one has its default route by its engine; the other gets its by the leg.
    await type(one, 'docker run -dit --name box1 busybox; mesh attach 10.32.1.1/12 box1');
    await type(
      two,
      'docker run -dit --network none --cap-add NET_ADMIN --name box2 busybox; mesh attach 10.32.1.2/12 box2',
    );
    gate = (await type(one, 'mesh expose')).trim();
    await type(two, `docker exec box2 ip route add default via ${gate}`);
    for (const [host, box] of [
      [one, 'box1'],
      [two, 'box2'],
    ] as const) {
      await type(host, `docker exec ${box} sh -c "echo ${box} >/tmp/page; httpd -p 8080 -h /tmp"`);
    }
  });
  afterAll(() => lab?.destroy());

  it('passes on from and to containers of all hosts, though the engine lets FORWARD drop', async () => {
    expect(await forward()).toContain('-P FORWARD DROP\n');
    expect(await outwards()).toBe(true);
    for (const [address, box] of [
      ['10.32.1.1', 'box1'],
      ['10.32.1.2', 'box2'],
    ]) {
      await type(
        one,
        `iptables -t nat -D PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to 10.32.1.1:8080 2>/dev/null
         iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to ${address}:8080`,
      );
      expect(await page(two, one.address)).toBe(`${box}\n`);
      expect(await page(one, address!)).toBe(`${box}\n`);
    }
  });

  it('leaves the engine its rules, and adds two to the end', async () => {
    const rules = (await forward()).trimEnd().split('\n');
    expect(rules.slice(-2)).toEqual([
      '-A FORWARD -i mesh -m comment --comment "mesh: from its leg" -j ACCEPT',
      '-A FORWARD -o mesh -m comment --comment "mesh: to its leg" -j ACCEPT',
    ]);
    expect(rules.filter(rule => rule.includes('mesh'))).toHaveLength(2);
    expect(await passes(one, `docker exec box1 ping -c 1 -W 1 ${OUTSIDE}`)).toBe(true);
  });

  it('is put right by the router in its container, where /proc/sys can not be written to', async () => {
    expect(
      await passes(
        one,
        "docker run --rm --entrypoint /opt/mesh/bin/node $(docker inspect -f {{.Config.Image}} mesh) -e \"require('fs').writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')\"",
      ),
    ).toBe(false);
    // Meanwhile it stands still, so that it does not put them right before anybody has looked.
    await type(
      one,
      `docker pause mesh >/dev/null
       for rule in '-i mesh -m comment --comment "mesh: from its leg"' '-o mesh -m comment --comment "mesh: to its leg"'; do
         eval iptables -D FORWARD $rule -j ACCEPT
       done
       echo 0 > /proc/sys/net/ipv4/ip_forward`,
    );
    expect(await outwards()).toBe(false);
    await type(one, 'docker unpause mesh');
    await until(
      async () => (await outwards()) || undefined,
      () => 'host1 does not pass on what it did',
    );
    expect(await type(one, 'docker logs mesh 2>&1')).not.toMatch(/stays|could not/);
  });

  it('is gone when it is hidden', async () => {
    expect(await page(two, one.address)).toBe('box2\n');
    expect(await type(one, 'mesh hide')).toBe(`${gate}\n`);
    expect(await forward()).not.toContain('mesh');
    expect(await passes(one, 'ip link show mesh')).toBe(false);
    expect(await type(one, 'nft list table ip mesh')).not.toContain('postrouting');
    // The engine found it turned on by now, and relies on it.
    expect(await type(one, 'cat /proc/sys/net/ipv4/ip_forward')).toBe('1\n');
    expect(await passes(one, `docker exec box1 ping -c 1 -W 1 ${OUTSIDE}`)).toBe(true);
  });

  it('goes with all the rest at a reset', async () => {
    await type(one, 'mesh expose');
    expect(await type(one, 'mesh reset')).toContain(`detached ${gate}/13 from mesh:expose\n`);
    expect(await forward()).not.toContain('mesh');
    expect(await passes(one, 'ip link show mesh || nft list table ip mesh')).toBe(false);
  });
});
