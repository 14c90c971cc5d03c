import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LinuxDataplane } from '../../src/adapters/linux/dataplane.ts';
import { portName } from '../../src/adapters/linux/names.ts';
import { openNamespace } from '../../src/adapters/linux/namespace.ts';
import { NETLINK_ROUTE, openNetlink } from '../../src/adapters/linux/netlink/socket.ts';
import { listLinks } from '../../src/adapters/linux/rtnetlink/link-table.ts';
import { broadcastAddress, type Ipv4, type Mac, macOfAddress, type Vtep } from '../../src/core/address.ts';
import type { Forwarding } from '../../src/core/forwarding.ts';
import type { Attachment } from '../../src/ports/dataplane.ts';
import {
  ARP_REQUEST,
  arp,
  BROADCAST,
  caughtUpTo,
  ETHERTYPE,
  ethernet,
  openWire,
  udp,
  type Wire,
} from '../support/frames.ts';
import { type KernelContainer, type KernelHosts, makeKernelHosts } from '../support/kernel-hosts.ts';
import { type DataplaneWorld, dataplaneContract } from './dataplane.contract.ts';
import { handoverContract } from './handover.contract.ts';

async function makeWorld(): Promise<DataplaneWorld> {
  const { hosts, ...rest } = makeKernelHosts(2);
  return { hosts: [hosts[0]!, hosts[1]!], ...rest };
}

dataplaneContract('Linux', makeWorld);
handoverContract('Linux', makeWorld);

const VNI = 0x6d65;
const MTU = 1450;
const SUBNET = 24;
const ip = (text: string): Ipv4 => text as Ipv4;
const mac = (address: Ipv4): Mac => macOfAddress(VNI, address, 0);
const addressOf = (index: number): Ipv4 => ip(`10.0.0.${11 + index}`);

describe('data plane: Linux, beyond the contract', () => {
  let world: KernelHosts;
  let planes: LinuxDataplane[];
  let wires: Wire[];

  beforeEach(async () => {
    world = makeKernelHosts(3);
    wires = [];
    planes = world.hosts.map(host => host.open());
    for (const [index, plane] of planes.entries()) {
      expect(await plane.start(world.hosts[index]!.vtep)).toMatchObject({ ok: true });
      expect(await plane.apply(forwarding(index))).toMatchObject({ ok: true });
    }
  });
  afterEach(async () => {
    for (const wire of wires) wire.close();
    for (const plane of planes) await plane.close();
    await world.dispose();
  });

  /** What host `index` should hold when each other host has its one container. */
  function forwarding(index: number, mtu = MTU): Forwarding {
    const others = world.hosts
      .map((host, number) => ({ host, number }))
      .filter(({ number }) => number !== index);
    const stations = others.map(({ host, number }) => {
      const address = addressOf(number);
      return { address, mac: mac(address), vtep: host.vtep };
    });
    const flood = others.map(({ host }) => host.vtep);
    return {
      peers: flood.map(({ address }) => address),
      networks: [{ name: 'mesh', vni: VNI, mtu, own: undefined, stations, flood }],
    };
  }

  function attachment({ container, sandbox }: KernelContainer, index: number): Attachment {
    const address = addressOf(index);
    const addresses = [{ address, prefix: SUBNET }];
    return {
      network: 'mesh',
      vni: VNI,
      container,
      sandbox,
      device: 'ethmesh',
      mac: mac(address),
      mtu: MTU,
      addresses,
    };
  }

  /** A container on each host. */
  async function plumbAll(): Promise<KernelContainer[]> {
    const containers = world.hosts.map((_, index) => world.startContainer(`box${index}`));
    for (const [index, container] of containers.entries()) {
      expect(await planes[index]!.plumb(attachment(container, index))).toEqual({
        ok: true,
        value: undefined,
      });
    }
    return containers;
  }

  function wire(...[namespace, device]: Parameters<typeof openWire>): Wire {
    const opened = openWire(namespace, device);
    wires.push(opened);
    return opened;
  }

  test('pings of every size cross with no loss, and the largest is what the MTU says', async () => {
    const [a] = await plumbAll();
    for (const index of [1, 2]) {
      const lost = a!.namespace.run(`ping -q -c 200 -i 0.002 -W 2 ${addressOf(index)}`);
      expect(lost).toContain('200 received');
      for (const size of [29, 576, MTU - 1, MTU]) {
        expect(await world.reaches(a!, addressOf(index), size)).toBe(true);
      }
      expect(await world.reaches(a!, addressOf(index), MTU + 1)).toBe(false);
    }
  });

  test('a plumbed container is passed frames when the answer is there, not when the kernel gets to it', async () => {
    const place = openNamespace(join(world.hosts[0]!.runDir, 'switch'));
    const route = place.inside(() => openNetlink(NETLINK_ROUTE));
    for (let index = 10; index < 50; index += 1) {
      const box = world.startContainer('box');
      expect(await planes[0]!.plumb(attachment(box, index))).toMatchObject({ ok: true });
      // Unlike the question for one link, a list of them shows the state as it was.
      const port = (await listLinks(route)).find(({ name }) => name === portName('mesh', box.container));
      expect(port).toMatchObject({ operational: true });
      const inner = box.namespace.inside(() => openNetlink(NETLINK_ROUTE));
      const device = (await listLinks(inner)).find(({ name }) => name === 'ethmesh');
      expect(device).toMatchObject({ operational: true });
      inner.close();
      box.end();
    }
    route.close();
    place.close();
  });

  test('broadcast and multicast reach every member exactly once, and never come back', async () => {
    const containers = await plumbAll();
    const seen = containers.map(({ namespace }) => wire(namespace, 'ethmesh'));
    const senders = containers.map(({ namespace }) => wire(namespace, 'ethmesh'));
    for (const sender of [0, 1, 2]) {
      const from = addressOf(sender);
      const targets: readonly (readonly [Mac, Ipv4])[] = [
        ['01:00:5e:01:01:01' as Mac, ip('239.1.1.1')],
        [BROADCAST, broadcastAddress({ address: from, prefix: SUBNET })],
        [BROADCAST, ip('255.255.255.255')],
      ];
      for (const [to, target] of targets) {
        const text = `from ${from} to ${target}`;
        const datagram = (payload: string): Buffer =>
          ethernet(to, mac(from), ETHERTYPE.ipv4, udp(from, target, 9999, Buffer.from(payload)));
        senders[sender]!.send(datagram(text));
        // Whatever the first frame was turned into has arrived before the second.
        senders[sender]!.send(datagram('the last'));
        // The sender's own device last: its one copy is the frame that left.
        for (const each of [...seen.filter(other => other !== seen[sender]), seen[sender]!]) {
          const copies = (await caughtUpTo(each, 'the last')).filter(frame => frame.includes(text));
          expect(copies).toHaveLength(1);
        }
      }
    }
  });

  test('containers send multicast by their own interface', async () => {
    const [a, b] = await plumbAll();
    expect(a!.namespace.run('ip route get 239.1.1.1')).toContain('dev ethmesh');
    const arrived = wire(b!.namespace, 'ethmesh');
    a!.namespace.run('ping -q -c 1 -W 1 -p 6d657368 239.1.1.1 >/dev/null 2>&1 || true');
    await caughtUpTo(arrived, 'meshmesh');
  });

  test('ARP for a known station is answered here; for an unknown one it is asked for on all hosts', async () => {
    const [a, b] = await plumbAll();
    const device = wire(a!.namespace, 'ethmesh');
    const heard = wire(a!.namespace, 'ethmesh');
    const elsewhere = wire(b!.namespace, 'ethmesh');
    const ask = (target: Ipv4): void => {
      const question = { operation: ARP_REQUEST, senderMac: mac(addressOf(0)), sender: addressOf(0), target };
      device.send(ethernet(BROADCAST, mac(addressOf(0)), ETHERTYPE.arp, arp(question)));
    };
    const asksFor = (target: Ipv4) => (frame: Buffer) =>
      frame.readUInt16BE(12) === ETHERTYPE.arp && frame.subarray(38, 42).join('.') === target;
    const unknown = ip('10.0.0.99');
    ask(addressOf(1));
    ask(unknown);
    const last = ethernet(
      BROADCAST,
      mac(addressOf(0)),
      ETHERTYPE.ipv4,
      udp(addressOf(0), ip('10.0.0.255'), 9, Buffer.from('the last')),
    );
    device.send(last);
    const there = await caughtUpTo(elsewhere, 'the last');
    expect(there.filter(asksFor(addressOf(1)))).toEqual([]);
    expect(there.filter(asksFor(unknown))).toHaveLength(1);
    const answers = heard
      .caught()
      .filter(frame => frame.readUInt16BE(12) === ETHERTYPE.arp && frame[21] === 2);
    expect(answers.map(frame => frame.subarray(28, 32).join('.'))).toEqual([addressOf(1)]);
    expect(answers[0]!.subarray(22, 28).toString('hex')).toBe(mac(addressOf(1)).replaceAll(':', ''));
  });

  test('the switch sends nothing of its own', async () => {
    const [a, b] = await plumbAll();
    const before = a!.namespace.run('ip -6 address show dev ethmesh');
    expect(before).toBe('');
    expect(world.hosts[0]!.inSwitch('ip -6 address show scope link')).toBe('');
    expect(await world.reaches(b!, addressOf(0))).toBe(true);
  });

  describe('a router that was killed', () => {
    /** What there is after a kill between two steps, made from a whole attachment. */
    const halves: readonly (readonly [string, (port: string) => { inSwitch?: string; inside?: string }])[] = [
      [
        'the pair made',
        port => ({
          inSwitch: `ip link set ${port} down nomaster; ip link set ${port} alias ""`,
          inside: 'ip link set ethmesh down; ip address flush dev ethmesh',
        }),
      ],
      ['the inside configured', port => ({ inSwitch: `ip link set ${port} down nomaster` })],
      [
        'a port of the bridge',
        port => ({ inSwitch: `bridge link set dev ${port} learning on flood on; ip link set ${port} down` }),
      ],
      [
        'no forwarding entry',
        port => ({ inSwitch: `bridge fdb del ${mac(addressOf(0))} dev ${port} master` }),
      ],
      [
        'the interface renamed',
        () => ({ inside: 'ip link set ethmesh down; ip link set ethmesh name other' }),
      ],
      ['the switch end gone', port => ({ inSwitch: `ip link del ${port}` })],
    ];

    test.each(halves)('is repaired by the next plumb and undone by unplumb: %s', async (_, breakIt) => {
      const host = world.hosts[0]!;
      const box = world.startContainer('box');
      const given = attachment(box, 0);
      const port = portName('mesh', box.container);
      const shown = (): string => {
        const entries = `bridge fdb show dev ${port} | grep static`;
        const outside = host.inSwitch(`ip -o link show ${port}; bridge -d link show dev ${port}; ${entries}`);
        const inside = box.namespace.run('ip -o link show ethmesh; ip -4 -o address show ethmesh; ip route');
        // Indexes, and the switch end's own MAC, are another's after it was made anew.
        return `${outside}${inside}`
          .replaceAll(/^\d+: |@if\d+|link-netnsid \d+/gm, '')
          .replace(/link\/ether \S+/, '');
      };
      await planes[0]!.plumb(given);
      const whole = shown();
      const before = box.interfaces();

      for (const repair of ['plumb', 'unplumb'] as const) {
        await planes[0]!.plumb(given);
        const { inSwitch, inside } = breakIt(port);
        if (inSwitch !== undefined) host.inSwitch(inSwitch);
        if (inside !== undefined) box.namespace.run(inside);
        await planes[0]!.close();
        planes[0] = host.open();
        await planes[0].start(host.vtep);
        if (repair === 'unplumb') {
          await planes[0].unplumb('mesh', box.container);
          expect(box.interfaces()).toEqual(['lo']);
        } else {
          await planes[0].apply(forwarding(0));
          expect(await planes[0].plumb(given)).toEqual({ ok: true, value: undefined });
          expect(shown()).toBe(whole);
          expect(box.interfaces()).toEqual(before);
        }
        await planes[0].apply(forwarding(0));
        expect(await planes[0].audit()).toEqual([]);
      }
      expect(host.inSwitch('ip -o link')).not.toContain(port);
    });

    test('leaves no pair that nobody knows: the next router removes it', async () => {
      const host = world.hosts[0]!;
      const box = world.startContainer('box');
      await planes[0]!.plumb(attachment(box, 0));
      host.inSwitch(`ip link set ${portName('mesh', box.container)} alias ""`);
      await planes[0]!.close();
      planes[0] = host.open();
      await planes[0].start(host.vtep);
      await planes[0].apply(forwarding(0));
      expect(box.interfaces()).toEqual(['lo']);
    });

    test('keeps devices, their counters, and its containers reachable all the time', async () => {
      const [a] = await plumbAll();
      const host = world.hosts[0]!;
      await world.reaches(a!, addressOf(1));
      const sent = (): number =>
        JSON.parse(host.inSwitch(`ip -j -s link show vx-${VNI}`)!)[0].stats64.tx.packets;
      const indexes = host.indexes(VNI);
      const before = sent();
      expect(before).toBeGreaterThan(0);
      await planes[0]!.close();
      planes[0] = host.open();
      const ping = `netns exec ${a!.namespace.name} ping -q -c 400 -i 0.002 ${addressOf(1)}`;
      const pinged = promisify(execFile)('ip', ping.split(' '));
      await planes[0].start(host.vtep);
      await planes[0].apply(forwarding(0));
      await planes[0].plumb(attachment(a!, 0));
      await planes[0].audit();
      expect((await pinged).stdout).toContain('400 received');
      expect(host.indexes(VNI)).toEqual(indexes);
      expect(sent()).toBeGreaterThanOrEqual(before + 400);
    });
  });

  test.each([
    ['port', { port: 6790 }],
    ['address', { address: ip('192.168.48.101') }],
  ] as const)('another data %s keeps the bridge and the containers', async (what, change) => {
    const [a, b] = await plumbAll();
    const host = world.hosts[0]!;
    host.namespace.run('ip address add 192.168.48.101/24 dev eth0');
    const [bridge, vxlan] = host.indexes(VNI);
    const moved: Vtep = { ...host.vtep, ...change };
    await planes[0]!.close();
    planes[0] = host.open();
    expect(await planes[0].start(moved)).toMatchObject({ ok: true });
    expect(await planes[0].apply(forwarding(0))).toEqual({ ok: true, value: undefined });
    const indexes = host.indexes(VNI);
    expect(indexes[0]).toBe(bridge);
    expect(indexes[1] === vxlan).toBe(what === 'address');
    const stations = forwarding(1).networks[0]!.stations.map(station =>
      station.address === addressOf(0) ? { ...station, vtep: moved } : station,
    );
    const { peers, networks } = forwarding(1);
    const flood = [moved, world.hosts[2]!.vtep];
    await planes[1]!.apply({
      peers: [...peers, moved.address],
      networks: [{ ...networks[0]!, stations, flood }],
    });
    expect(await world.reaches(a!, addressOf(1))).toBe(true);
    expect(await world.reaches(b!, addressOf(0))).toBe(true);
    expect(await planes[0].audit()).toEqual([]);
  });

  test('audit puts devices right', async () => {
    const [a] = await plumbAll();
    const port = portName('mesh', a!.container);
    for (const damage of [
      `ip link del vx-${VNI}`,
      `ip link del br-${VNI}`,
      `ip link set br-${VNI} down`,
      `ip link set vx-${VNI} nomaster`,
      `bridge link set dev vx-${VNI} learning on neigh_suppress off`,
      `ip link set br-${VNI} mtu 1000`,
      `ip link set ${port} nomaster`,
      `ip link set ${port} down`,
      `bridge link set dev ${port} learning on`,
      `bridge fdb del ${mac(addressOf(0))} dev ${port} master`,
      `bridge fdb replace ${mac(addressOf(0))} dev vx-${VNI} master dynamic`,
      `bridge fdb append 00:00:00:00:00:00 dev vx-${VNI} dst 192.168.48.77`,
    ]) {
      world.hosts[0]!.inSwitch(damage);
      expect(await planes[0]!.audit(), damage).not.toEqual([]);
      expect(await planes[0]!.audit(), damage).toEqual([]);
      expect(await world.reaches(a!, addressOf(1)), damage).toBe(true);
    }
  });

  test('a learnt entry never stands in the way of what is wanted', async () => {
    const [a, b] = await plumbAll();
    const host = world.hosts[0]!;
    await planes[0]!.apply({ peers: [], networks: [{ ...forwarding(0).networks[0]!, stations: [] }] });
    host.inSwitch(`bridge fdb add ${mac(addressOf(1))} dev ${portName('mesh', a!.container)} master dynamic
      ip neighbour add ${addressOf(1)} lladdr 02:00:00:00:00:66 dev br-${VNI} nud stale`);
    expect(await planes[0]!.apply(forwarding(0))).toEqual({ ok: true, value: undefined });
    expect(await planes[0]!.audit()).toEqual([]);
    expect(await world.reaches(a!, addressOf(1))).toBe(true);
    expect(await world.reaches(b!, addressOf(0))).toBe(true);
  });
});
