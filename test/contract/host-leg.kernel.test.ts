import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LinuxDataplane } from '../../src/adapters/linux/dataplane.ts';
import { type Cidr, type Ipv4, type Mac, macOfAddress } from '../../src/core/address.ts';
import { HOST_LEG, HOST_SANDBOX } from '../../src/core/endpoints/attachment.ts';
import type { Station } from '../../src/core/forwarding.ts';
import type { Attachment } from '../../src/ports/dataplane.ts';
import { makeNamespace, type TestNamespace } from '../support/frames.ts';
import { type KernelContainer, type KernelHosts, makeKernelHosts } from '../support/kernel-hosts.ts';

/** A host whose leg is a gateway: between the containers of two hosts, and what is outside of the mesh. */

const VNI = 0x6d65;
const ip = (text: string): Ipv4 => text as Ipv4;
const mac = (address: Ipv4): Mac => macOfAddress(VNI, address, 0);
const GATE = ip('10.0.0.99');
const addressOf = (index: number): Ipv4 => ip(`10.0.0.${11 + index}`);
const OUTSIDE = ip('203.0.113.9');
const PORT = 8080;
const done = { ok: true, value: undefined };

describe('the leg of a host as a gateway', () => {
  let world: KernelHosts;
  let planes: LinuxDataplane[];
  let boxes: KernelContainer[];
  /** A machine that knows nothing of the mesh, behind another link of the first host. */
  let outside: TestNamespace;
  let host: TestNamespace;
  const children: { kill(): boolean }[] = [];

  beforeEach(async () => {
    world = makeKernelHosts(2);
    host = world.hosts[0]!.namespace;
    outside = makeNamespace('outside');
    host.run(`ip link add eth1 type veth peer name eth0 netns ${outside.name}
      ip address add 203.0.113.1/24 dev eth1; ip link set eth1 up
      echo 0 > /proc/sys/net/ipv4/ip_forward`);
    outside.run(`ip address add ${OUTSIDE}/24 dev eth0; ip link set eth0 up; ip link set lo up`);
    planes = world.hosts.map(each => each.open());
    boxes = ['box0', 'box1'].map(name => world.startContainer(name));
    for (const [index, plane] of planes.entries()) {
      await plane.start(world.hosts[index]!.vtep);
      const other = 1 - index;
      const { vtep } = world.hosts[other]!;
      const behind = other === 0 ? [addressOf(0), GATE] : [addressOf(1)];
      const stations = behind.map((address): Station => ({ address, mac: mac(address), vtep }));
      const network = { name: 'mesh', vni: VNI, mtu: 1450, own: undefined, stations, flood: [vtep] };
      await plane.apply({ peers: [vtep.address], networks: [network] });
      const { container, sandbox, namespace } = boxes[index]!;
      const at = { container, sandbox, device: 'ethmesh' };
      expect(await plane.plumb(attachment(addressOf(index), at))).toEqual(done);
      namespace.run(`ip route add default via ${GATE}`);
    }
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill();
    for (const plane of planes) await plane.close();
    outside.remove();
    await world.dispose();
  });

  function attachment(address: Ipv4, at: Pick<Attachment, 'container' | 'sandbox' | 'device'>): Attachment {
    const place = { network: 'mesh', vni: VNI, mac: mac(address), mtu: 1450 };
    return { ...place, ...at, addresses: [{ address, prefix: 24 }] };
  }

  const raise = (masqueraded: readonly Cidr[] = [{ address: GATE, prefix: 24 }]) =>
    planes[0]!.plumb({
      ...attachment(GATE, { container: HOST_LEG, sandbox: HOST_SANDBOX, device: 'mesh' }),
      masqueraded,
    });

  const pings = (from: TestNamespace, to: Ipv4): boolean =>
    from.run(`ping -q -c 1 -W 1 ${to} >/dev/null && echo yes || echo no`).trim() === 'yes';

  /** A server in a namespace that answers each connection with the address that it came from. */
  async function serve(namespace: TestNamespace): Promise<void> {
    const script = `require('net').createServer(s => s.end(s.remoteAddress.replace('::ffff:', ''))).listen(${PORT}, () => console.log('up'))`;
    const child = spawn('ip', ['netns', 'exec', namespace.name, process.execPath, '-e', script]);
    children.push(child);
    await once(child.stdout, 'data');
  }

  /** Whom the server at `address` saw; undefined where none answered. */
  function seenBy(from: TestNamespace, address: Ipv4): string | undefined {
    const script = `const s = require('net').connect(${PORT}, '${address}'); s.setTimeout(10_000, () => process.exit()); s.on('error', () => process.exit()); s.pipe(process.stdout)`;
    return from.run(`${process.execPath} -e "${script}"`).trim() || undefined;
  }

  const dnat = (to: Ipv4): string =>
    `iptables -t nat -A PREROUTING -i eth1 -p tcp --dport ${PORT} -j DNAT --to-destination ${to}:${PORT}`;

  it('takes containers of every host outside, with an address of the host, and its answers back', async () => {
    for (const box of boxes) {
      expect(pings(box.namespace, OUTSIDE)).toBe(false);
      // Else it may be a second until its kernel asks again who the gateway is.
      box.namespace.run('ip neighbour flush all');
    }
    expect(await raise()).toEqual(done);
    await serve(outside);
    for (const box of boxes) {
      expect(pings(box.namespace, OUTSIDE)).toBe(true);
      expect(seenBy(box.namespace, OUTSIDE)).toBe('203.0.113.1');
    }
    expect(pings(host, addressOf(1))).toBe(true);
  });

  it.each(['nft', 'legacy'])(
    'lets what the user translates in to containers of every host, also where FORWARD of iptables-%s drops',
    async kind => {
      host.run(`iptables-${kind} -P FORWARD DROP`);
      expect(await raise()).toEqual(done);
      for (const [index, box] of boxes.entries()) {
        host.run(`iptables -t nat -F PREROUTING; ${dnat(addressOf(index))}`);
        await serve(box.namespace);
        expect(seenBy(outside, ip('203.0.113.1'))).toBe(GATE);
        expect(pings(box.namespace, OUTSIDE)).toBe(true);
      }
      const rules = host.run(`iptables-${kind} -S FORWARD`);
      expect(rules).toBe(`-P FORWARD DROP
-A FORWARD -i mesh -m comment --comment "mesh: from its leg" -j ACCEPT
-A FORWARD -o mesh -m comment --comment "mesh: to its leg" -j ACCEPT
`);
      await planes[0]!.unplumb('mesh', HOST_LEG);
      expect(host.run(`iptables-${kind} -S FORWARD`)).toBe('-P FORWARD DROP\n');
    },
  );

  it('leaves forbidden what another rule forbids, and touches no rule where nothing is dropped', async () => {
    host.run('iptables -P FORWARD ACCEPT; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER');
    const before = host.run('iptables-save -t filter | grep -v "^#"');
    expect(await raise()).toEqual(done);
    expect(host.run('iptables-save -t filter | grep -v "^#"')).toBe(before);
    host.run(`iptables -P FORWARD DROP; iptables -A DOCKER-USER -s ${addressOf(1)} -j DROP`);
    expect(await planes[0]!.audit()).toHaveLength(2);
    expect(pings(boxes[0]!.namespace, OUTSIDE)).toBe(true);
    expect(pings(boxes[1]!.namespace, OUTSIDE)).toBe(false);
  });

  it('translates nothing where the user wants it so: routes lead back', async () => {
    expect(await raise([])).toEqual(done);
    expect(host.run('nft list table ip mesh')).not.toContain('chain postrouting');
    expect(pings(boxes[1]!.namespace, OUTSIDE)).toBe(false);
    outside.run('ip route add 10.0.0.0/24 via 203.0.113.1');
    for (const box of boxes) expect(pings(box.namespace, OUTSIDE)).toBe(true);
    await serve(boxes[1]!.namespace);
    expect(seenBy(outside, addressOf(1))).toBe(OUTSIDE);
  });

  it('is put right where others changed it', async () => {
    host.run('iptables -P FORWARD DROP');
    expect(await raise()).toEqual(done);
    for (const damage of [
      'nft flush ruleset; iptables -P FORWARD DROP',
      'nft delete table ip mesh',
      'nft flush table ip mesh',
      'nft flush chain ip mesh postrouting',
      'nft insert rule ip mesh postrouting return',
      'iptables -F FORWARD',
      'iptables -D FORWARD -i mesh -m comment --comment "mesh: from its leg" -j ACCEPT',
      'echo 0 > /proc/sys/net/ipv4/ip_forward',
    ]) {
      host.run(damage);
      expect(await planes[0]!.audit(), damage).not.toEqual([]);
      expect(await planes[0]!.audit(), damage).toEqual([]);
      for (const box of boxes) expect(pings(box.namespace, OUTSIDE), damage).toBe(true);
    }
  });

  it('goes on while no router runs and while another takes over, and keeps what it translates', async () => {
    expect(await raise()).toEqual(done);
    const index = host.run('cat /sys/class/net/mesh/ifindex 2>/dev/null || ip -o link show mesh');
    await planes[0]!.close();
    for (const box of boxes) expect(pings(box.namespace, OUTSIDE)).toBe(true);
    planes[0] = world.hosts[0]!.open();
    await planes[0].start(world.hosts[0]!.vtep);
    expect(pings(boxes[1]!.namespace, OUTSIDE)).toBe(true);
    expect(await raise()).toEqual(done);
    expect(host.run('cat /sys/class/net/mesh/ifindex 2>/dev/null || ip -o link show mesh')).toBe(index);
    expect(pings(boxes[1]!.namespace, OUTSIDE)).toBe(true);
  });

  it('leaves forwarding on where others rely on it by then', async () => {
    const forwards = (): string => host.run('cat /proc/sys/net/ipv4/ip_forward').trim();
    expect(await raise()).toEqual(done);
    expect(forwards()).toBe('1');
    await planes[0]!.unplumb('mesh', HOST_LEG);
    expect(forwards()).toBe('0');
    expect(await raise()).toEqual(done);
    host.run('ip link add docker0 type bridge');
    await planes[0]!.unplumb('mesh', HOST_LEG);
    expect(forwards()).toBe('1');
  });

  it('may say what it likes but for who it is', async () => {
    expect(await raise()).toEqual(done);
    const before = planes[0]!.counters().spoofed;
    // From an address of another link: what the host forwards looks like that.
    expect(host.run(`ping -q -c 1 -W 1 -I 203.0.113.1 ${addressOf(1)} || true`)).toContain('1 received');
    expect(planes[0]!.counters().spoofed).toBe(before);
    host.run('ip link set mesh down; ip link set mesh address 02:00:00:00:00:77; ip link set mesh up');
    expect(pings(host, addressOf(0))).toBe(false);
    expect(planes[0]!.counters().spoofed).toBeGreaterThan(before);
  });
});
