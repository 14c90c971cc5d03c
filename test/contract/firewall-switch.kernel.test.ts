import { beforeEach, describe, expect, it } from 'vitest';
import type { KernelFirewall } from '../../src/adapters/linux/firewall/firewall.ts';
import type { Ipv4, Mac } from '../../src/core/address.ts';
import {
  ARP_REPLY,
  ARP_REQUEST,
  arp,
  BROADCAST,
  caughtUpTo,
  ETHERTYPE,
  ethernet,
  neighbourDiscovery,
  type TestNamespace,
  tagged,
  udp,
  type Wire,
} from '../support/frames.ts';
import { useGuarded } from '../support/guarded.ts';

const ip = (text: string): Ipv4 => text as Ipv4;
const mac = (text: string): Mac => text as Mac;
const test = useGuarded();

describe('the guard of the switch', () => {
  const A_PORT = 'mva00000000000';
  const B_PORT = 'mvb00000000000';
  const A = { mac: mac('0a:58:0a:00:00:0b'), address: ip('10.0.0.11'), second: ip('10.1.0.11') };
  const B = { mac: mac('0a:58:0a:00:00:0c'), address: ip('10.0.0.12') };
  const REMOTE = { mac: mac('0a:58:0a:00:00:0d'), address: ip('10.0.0.13') };
  let inside: TestNamespace;
  let guard: KernelFirewall;
  /** The containers' ends of their links, and where the VXLAN device would be. */
  let a: Wire;
  let b: Wire;
  let tunnel: Wire;

  beforeEach(async () => {
    inside = test.namespace('switch');
    const outside = test.namespace('outside');
    // With no addresses of their own, the kernels say nothing that could be mistaken for a container's.
    for (const each of [inside, outside]) each.run('echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
    inside.run('ip link add br-77 address 0a:00:00:00:00:77 type bridge; ip link set br-77 up');
    for (const [port, end] of [
      [A_PORT, 'end-a'],
      [B_PORT, 'end-b'],
      ['vx-77', 'tunnel'],
    ]) {
      inside.run(`ip link add ${port} type veth peer name ${end} netns ${outside.name}
        ip link set ${port} master br-77 up`);
      outside.run(`ip link set ${end} up`);
    }
    a = test.wire(outside, 'end-a');
    b = test.wire(outside, 'end-b');
    tunnel = test.wire(outside, 'tunnel');
    guard = test.firewall(inside);
    expect(await guard.guardSwitch(inside.inside, 6784)).toEqual({ ok: true, value: undefined });
    guard.allow(A_PORT, A.mac, [A.address, A.second]);
    guard.allow(B_PORT, B.mac, [B.address]);
  });

  const packet = (from: Ipv4, text: string): Buffer => udp(from, ip('10.0.0.99'), 9, Buffer.from(text));
  const honest = (text: string): Buffer =>
    ethernet(BROADCAST, A.mac, ETHERTYPE.ipv4, packet(A.address, text));

  /** Sends frames from A, then one that must pass; gives what arrived at both others before that one. */
  async function crossed(...frames: readonly Buffer[]): Promise<readonly Buffer[]> {
    for (const each of [b, tunnel]) each.caught();
    for (const frame of frames) a.send(frame);
    a.send(honest('the last'));
    const arrived: Buffer[] = [];
    for (const each of [b, tunnel]) {
      const seen = await caughtUpTo(each, 'the last');
      arrived.push(...seen.filter(frame => !frame.includes('the last')));
    }
    return arrived;
  }

  const arpFrame = (fields: Parameters<typeof arp>[0], from = A.mac): Buffer =>
    ethernet(BROADCAST, from, ETHERTYPE.arp, arp(fields));
  const target = REMOTE.address;

  it('lets honest traffic pass, from each address of a container', async () => {
    const frames = [
      honest('hello'),
      ethernet(B.mac, A.mac, ETHERTYPE.ipv4, packet(A.second, 'second')),
      arpFrame({ operation: ARP_REQUEST, senderMac: A.mac, sender: A.address, target }),
      arpFrame({ operation: ARP_REPLY, senderMac: A.mac, sender: A.second, targetMac: REMOTE.mac, target }),
      // Gratuitous, and the probe that comes before it (RFC 5227).
      arpFrame({ operation: ARP_REQUEST, senderMac: A.mac, sender: A.address, target: A.address }),
      arpFrame({ operation: ARP_REQUEST, senderMac: A.mac, sender: ip('0.0.0.0'), target: A.address }),
    ];
    for (const frame of frames) expect(await crossed(frame)).toContainEqual(frame);
    expect(guard.counters()).toEqual({ strangers: 0, spoofed: 0, unsupported: 0, looped: 0 });
  });

  const forged: Readonly<Record<string, () => Buffer>> = {
    "another's MAC": () => ethernet(BROADCAST, B.mac, ETHERTYPE.ipv4, packet(A.address, 'forged')),
    "another's IP": () => ethernet(BROADCAST, A.mac, ETHERTYPE.ipv4, packet(B.address, 'forged')),
    "another's MAC and IP": () => ethernet(BROADCAST, B.mac, ETHERTYPE.ipv4, packet(B.address, 'forged')),
    "a remote container's IP": () =>
      ethernet(BROADCAST, A.mac, ETHERTYPE.ipv4, packet(REMOTE.address, 'forged')),
    'no IP at all': () => ethernet(BROADCAST, A.mac, ETHERTYPE.ipv4, packet(ip('0.0.0.0'), 'forged')),
    'a gratuitous ARP request': () =>
      arpFrame({ operation: ARP_REQUEST, senderMac: A.mac, sender: B.address, target: B.address }),
    'a gratuitous ARP reply': () =>
      arpFrame({
        operation: ARP_REPLY,
        senderMac: A.mac,
        sender: B.address,
        targetMac: BROADCAST,
        target: B.address,
      }),
    "an ARP reply with another's MAC inside": () =>
      arpFrame({ operation: ARP_REPLY, senderMac: B.mac, sender: A.address, targetMac: REMOTE.mac, target }),
    "an ARP reply with another's MAC outside": () =>
      arpFrame(
        { operation: ARP_REPLY, senderMac: A.mac, sender: A.address, targetMac: REMOTE.mac, target },
        B.mac,
      ),
    "an ARP probe for another's address": () =>
      arpFrame({ operation: ARP_REQUEST, senderMac: A.mac, sender: ip('0.0.0.0'), target: B.address }),
    "an ARP probe with another's MAC inside": () =>
      arpFrame({ operation: ARP_REQUEST, senderMac: B.mac, sender: ip('0.0.0.0'), target: A.address }),
    'an ARP reply from nobody': () =>
      arpFrame({ operation: ARP_REPLY, senderMac: A.mac, sender: ip('0.0.0.0'), target: A.address }),
    'ARP of another kind of network': () => {
      const frame = arpFrame({ operation: ARP_REPLY, senderMac: A.mac, sender: A.address, target });
      frame[15] = 6;
      return frame;
    },
    'a router advertisement': () =>
      ethernet(
        mac('33:33:00:00:00:01'),
        A.mac,
        ETHERTYPE.ipv6,
        neighbourDiscovery(134, Buffer.alloc(12, 0x40)),
      ),
    'an IPv6 redirect': () =>
      ethernet(
        mac('33:33:00:00:00:01'),
        A.mac,
        ETHERTYPE.ipv6,
        neighbourDiscovery(137, Buffer.alloc(36, 0x20)),
      ),
  };

  for (const [what, frame] of Object.entries(forged)) {
    it(`drops and counts ${what}`, async () => {
      expect(await crossed(frame())).toEqual([]);
      expect(guard.counters()).toMatchObject({ spoofed: 1, unsupported: 0 });
    });
  }

  const unsupported: Readonly<Record<string, () => Buffer>> = {
    'a neighbour advertisement': () =>
      ethernet(
        mac('33:33:00:00:00:01'),
        A.mac,
        ETHERTYPE.ipv6,
        neighbourDiscovery(136, Buffer.alloc(20, 0x20)),
      ),
    'a forged packet in a VLAN tag': () =>
      tagged(7, ethernet(BROADCAST, A.mac, ETHERTYPE.ipv4, packet(B.address, 'forged'))),
    'an honest packet in a VLAN tag': () => tagged(7, honest('tagged')),
    'forged ARP in a VLAN tag': () =>
      tagged(0, arpFrame({ operation: ARP_REPLY, senderMac: A.mac, sender: B.address, target })),
    'a protocol nobody knows': () => ethernet(B.mac, A.mac, ETHERTYPE.experiment, Buffer.alloc(46, 1)),
    'a spanning tree frame': () =>
      ethernet(mac('01:80:c2:00:00:00'), A.mac, 38, Buffer.from('424203'.padEnd(76, '0'), 'hex')),
  };

  for (const [what, frame] of Object.entries(unsupported)) {
    it(`drops and counts ${what}`, async () => {
      expect(await crossed(frame())).toEqual([]);
      expect(guard.counters()).toMatchObject({ unsupported: 1 });
    });
  }

  it('does not check what comes from other hosts, but for frames that come back', async () => {
    const foreign = [
      ethernet(BROADCAST, REMOTE.mac, ETHERTYPE.ipv4, packet(REMOTE.address, 'remote')),
      arpFrame({ operation: ARP_REPLY, senderMac: REMOTE.mac, sender: REMOTE.address, target }, REMOTE.mac),
    ];
    a.caught();
    for (const frame of foreign) tunnel.send(frame);
    tunnel.send(honest('came back'));
    tunnel.send(ethernet(BROADCAST, REMOTE.mac, ETHERTYPE.ipv4, packet(REMOTE.address, 'the last')));
    const seen = await caughtUpTo(a, 'the last');
    for (const frame of foreign) expect(seen).toContainEqual(frame);
    expect(seen.some(frame => frame.includes('came back'))).toBe(false);
    expect(guard.counters()).toEqual({ strangers: 0, spoofed: 0, unsupported: 0, looped: 1 });
  });

  it('follows what a port may send, and forgets a port', async () => {
    const second = ethernet(BROADCAST, A.mac, ETHERTYPE.ipv4, packet(A.second, 'second'));
    guard.allow(A_PORT, A.mac, [A.address]);
    expect(await crossed(second)).toEqual([]);
    guard.allow(A_PORT, A.mac, [A.second, A.address]);
    expect(await crossed(second)).toHaveLength(2);

    const moved = ethernet(BROADCAST, REMOTE.mac, ETHERTYPE.ipv4, packet(A.address, 'new MAC'));
    guard.allow(A_PORT, REMOTE.mac, [A.address]);
    a.send(honest('old MAC'));
    a.send(moved);
    const seen = await caughtUpTo(b, 'new MAC');
    expect(seen.some(frame => frame.includes('old MAC'))).toBe(false);

    guard.disallow(A_PORT);
    guard.disallow(B_PORT);
    guard.disallow(B_PORT);
    for (const set of ['ports', 'senders', 'local']) {
      expect(inside.run(`nft list set bridge mesh ${set}`)).not.toContain('elements');
    }
    expect(test.log.lines).toEqual([]);
  });

  it('keeps a MAC local while a port on another network has it', () => {
    guard.allow(B_PORT, A.mac, [B.address]);
    guard.disallow(B_PORT);
    expect(inside.run('nft list set bridge mesh local')).toContain(`elements = { ${A.mac} }`);
  });

  it('lets nothing through from a port without addresses', async () => {
    guard.allow(B_PORT, B.mac, []);
    a.caught();
    b.send(ethernet(BROADCAST, B.mac, ETHERTYPE.ipv4, packet(B.address, 'forged')));
    tunnel.send(ethernet(BROADCAST, REMOTE.mac, ETHERTYPE.ipv4, packet(REMOTE.address, 'the last')));
    const seen = await caughtUpTo(a, 'the last');
    expect(seen.some(frame => frame.includes('forged'))).toBe(false);
  });

  it('stays as it is while another router takes over, but for ports that are gone', async () => {
    guard.allow('mvgone00000000', REMOTE.mac, [REMOTE.address]);
    a.send(ethernet(BROADCAST, A.mac, ETHERTYPE.ipv4, packet(B.address, 'forged')));
    guard.close();

    let taken = false;
    const second = test.firewall(inside);
    const taking = second.guardSwitch(inside.inside, 6784).then(() => {
      taken = true;
    });
    const seen: Buffer[] = [];
    let rounds = 0;
    while (!taken || rounds < 1000) {
      a.send(honest(`honest ${rounds};`));
      a.send(ethernet(BROADCAST, A.mac, ETHERTYPE.ipv4, packet(B.address, 'forged')));
      rounds += 1;
      seen.push(...b.caught());
      await new Promise(setImmediate);
    }
    await taking;
    a.send(honest(`honest ${rounds};`));
    seen.push(...(await caughtUpTo(b, `honest ${rounds};`)));
    expect(seen.filter(frame => frame.includes('forged'))).toEqual([]);
    expect(seen.filter(frame => frame.includes('honest'))).toHaveLength(rounds + 1);
    expect(second.counters().spoofed).toBeGreaterThan(rounds / 2);
    expect(second.counters().spoofed).toBeLessThanOrEqual(rounds + 1);
    expect(inside.run('nft list table bridge mesh')).not.toContain('mvgone');
    expect(inside.run('nft list set bridge mesh local')).not.toContain(REMOTE.mac);
    second.disallow(A_PORT);
    expect(inside.run('nft list set bridge mesh ports')).not.toContain(A_PORT);
  });
});
