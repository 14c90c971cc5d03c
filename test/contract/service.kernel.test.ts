import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LinuxDataplane } from '../../src/adapters/linux/dataplane.ts';
import { type Ipv4, type Mac, macOfAddress } from '../../src/core/address.ts';
import type { Forwarding } from '../../src/core/forwarding.ts';
import {
  ARP_REPLY,
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

/** The address that every host answers for by itself, on two hosts of one network. */

const VNI = 0x6d65;
const ip = (text: string): Ipv4 => text as Ipv4;
const mac = (address: Ipv4): Mac => macOfAddress(VNI, address, 0);
const addressOf = (index: number): Ipv4 => ip(`10.0.0.${11 + index}`);
const SERVICE = { address: ip('10.0.0.254'), prefix: 24 };
const SERVICE_MAC = mac(SERVICE.address);
const bytesOf = (of: Mac): Buffer => Buffer.from(of.replaceAll(':', ''), 'hex');

describe('the service address', () => {
  let world: KernelHosts;
  let planes: LinuxDataplane[];
  let boxes: KernelContainer[];
  const wires: Wire[] = [];

  beforeEach(async () => {
    world = makeKernelHosts(2);
    planes = world.hosts.map(host => host.open());
    boxes = ['box0', 'box1'].map(name => world.startContainer(name));
    for (const [index, plane] of planes.entries()) {
      await plane.start(world.hosts[index]!.vtep);
      expect(await plane.apply(forwarding(index))).toEqual({ ok: true, value: undefined });
      const { container, sandbox } = boxes[index]!;
      const address = addressOf(index);
      const addresses = [{ address, prefix: 24 }];
      const place = { network: 'mesh', vni: VNI, container, sandbox, device: 'ethmesh' };
      const plumbed = await plane.plumb({ ...place, mac: mac(address), mtu: 1450, addresses });
      expect(plumbed).toEqual({ ok: true, value: undefined });
    }
  });
  afterEach(async () => {
    for (const wire of wires.splice(0)) wire.close();
    for (const plane of planes) await plane.close();
    await world.dispose();
  });

  function forwarding(index: number): Forwarding {
    const other = 1 - index;
    const { vtep } = world.hosts[other]!;
    const stations = [{ address: addressOf(other), mac: mac(addressOf(other)), vtep }];
    const service = { addresses: [SERVICE], mac: SERVICE_MAC };
    const network = { name: 'mesh', vni: VNI, mtu: 1450, own: undefined, service, stations, flood: [vtep] };
    return { peers: [vtep.address], networks: [network] };
  }

  function wire(...[namespace, device]: Parameters<typeof openWire>): Wire {
    const opened = openWire(namespace, device);
    wires.push(opened);
    return opened;
  }

  const datagram = (from: Ipv4, to: Ipv4, text: string): Buffer =>
    udp(from, to, 9999, Buffer.from(text)) as Buffer;

  it('is answered on each host, with the same MAC, and no frame about it passes between hosts', async () => {
    const underlay = wire(world.hosts[0]!.namespace, 'eth0');
    const sender = wire(boxes[0]!.namespace, 'ethmesh');
    for (const [index, box] of boxes.entries()) {
      box.namespace.run('ip neighbour flush all');
      expect(box.namespace.run(`ping -q -c 3 -i 0.01 -W 2 ${SERVICE.address}`)).toContain('3 received');
      expect(box.namespace.run(`ip neighbour show ${SERVICE.address}`)).toContain(SERVICE_MAC);
      // The switch asks for a container that nobody knows, and answers one of its own.
      world.hosts[index]!.inSwitch(
        `ping -q -c 1 -W 1 10.0.0.99 || true; ping -q -c 1 -W 1 ${addressOf(index)}`,
      );
    }
    const last = datagram(addressOf(0), addressOf(1), 'the last');
    sender.send(ethernet(mac(addressOf(1)), mac(addressOf(0)), ETHERTYPE.ipv4, last));
    const seen = await caughtUpTo(underlay, 'the last');
    expect(seen.filter(frame => frame.includes(bytesOf(SERVICE_MAC)))).toEqual([]);
    const asked = Buffer.from([10, 0, 0, 254]);
    expect(seen.filter(frame => frame.includes(asked))).toEqual([]);
  });

  it('can be taken by no container', async () => {
    const device = wire(boxes[0]!.namespace, 'ethmesh');
    const other = wire(boxes[1]!.namespace, 'ethmesh');
    const own = mac(addressOf(0));
    const before = planes[0]!.counters().spoofed;
    const question = { targetMac: BROADCAST, target: addressOf(1), sender: SERVICE.address };
    const claims = [
      ethernet(BROADCAST, own, ETHERTYPE.arp, arp({ ...question, operation: ARP_REPLY, senderMac: own })),
      ethernet(
        BROADCAST,
        SERVICE_MAC,
        ETHERTYPE.arp,
        arp({ ...question, operation: ARP_REQUEST, senderMac: SERVICE_MAC }),
      ),
      ethernet(BROADCAST, SERVICE_MAC, ETHERTYPE.ipv4, datagram(SERVICE.address, addressOf(1), 'forged')),
      ethernet(BROADCAST, own, ETHERTYPE.ipv4, datagram(SERVICE.address, addressOf(1), 'forged')),
    ];
    for (const claim of claims) device.send(claim);
    device.send(ethernet(BROADCAST, own, ETHERTYPE.ipv4, datagram(addressOf(0), addressOf(1), 'the last')));
    const seen = await caughtUpTo(other, 'the last');
    expect(seen.filter(frame => frame.includes('forged') || frame.includes(bytesOf(SERVICE_MAC)))).toEqual(
      [],
    );
    expect(planes[0]!.counters().spoofed).toBe(before + claims.length);
  });

  it('is not believed where another host tells of it', async () => {
    const from = world.hosts[1]!;
    // As a switch without these rules would.
    from.inSwitch('nft flush chain bridge mesh output');
    const before = planes[0]!.counters().looped;
    from.inSwitch('ping -q -c 1 -W 1 10.0.0.99 || true');
    expect(planes[0]!.counters().looped).toBeGreaterThan(before);
  });

  it('is put back where it was taken away, and its rules too', async () => {
    for (const damage of [
      `ip address flush dev br-${VNI}`,
      `ip address add 10.0.0.77/24 dev br-${VNI}`,
      `ip link set br-${VNI} address 02:00:00:00:00:77`,
      'nft flush set bridge mesh service_macs',
      'nft delete element bridge mesh service_addresses { 10.0.0.254 }',
      'nft delete table bridge mesh',
    ]) {
      world.hosts[0]!.inSwitch(damage);
      expect(await planes[0]!.audit(), damage).not.toEqual([]);
      expect(await planes[0]!.audit(), damage).toEqual([]);
      boxes[0]!.namespace.run('ip neighbour flush all');
      expect(await world.reaches(boxes[0]!, SERVICE.address), damage).toBe(true);
      expect(await world.reaches(boxes[0]!, addressOf(1)), damage).toBe(true);
    }
  });
});
