import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFirewall, type KernelFirewall } from '../../src/adapters/linux/firewall/firewall.ts';
import { runNft } from '../../src/adapters/linux/firewall/nft.ts';
import type { Ipv4, Mac } from '../../src/core/address.ts';
import { createFakeLog, type FakeLog } from '../support/fake-log.ts';
import {
  ARP_REPLY,
  ARP_REQUEST,
  arp,
  BROADCAST,
  caughtUpTo,
  ETHERTYPE,
  ethernet,
  makeNamespace,
  neighbourDiscovery,
  openWire,
  type TestNamespace,
  tagged,
  udp,
  vxlan,
  type Wire,
} from '../support/frames.ts';
import { until } from '../support/until.ts';

const ip = (text: string): Ipv4 => text as Ipv4;
const mac = (text: string): Mac => text as Mac;

let log: FakeLog;
const opened: { close(): void }[] = [];
const namespaces: TestNamespace[] = [];

function namespace(name: string): TestNamespace {
  const made = makeNamespace(name);
  namespaces.push(made);
  return made;
}

function firewall(host: TestNamespace): KernelFirewall {
  const made = createFirewall({ log, inHost: host.inside });
  opened.push(made);
  return made;
}

function wire(inside: TestNamespace, device: string): Wire {
  const made = openWire(inside, device);
  opened.push(made);
  return made;
}

beforeEach(() => {
  log = createFakeLog();
});

afterEach(() => {
  for (const each of opened.splice(0)) each.close();
  for (const each of namespaces.splice(0)) each.remove();
});

describe('the guard of the data port', () => {
  const PORT = 6784;
  const VNI = 77;
  const HOST = ip('10.77.0.1');
  const HOST_MAC = mac('0a:77:00:00:00:01');
  const PEER = ip('10.77.0.2');
  const STRANGER = ip('10.77.0.9');
  let host: TestNamespace;
  /** The other end of the host's cable. */
  let underlay: Wire;
  /** The VXLAN device, where a frame shows that was let through. */
  let overlay: Wire;

  beforeEach(() => {
    host = namespace('mfw-host');
    const outside = namespace('mfw-underlay');
    host.run(`ip link add eth0 address ${HOST_MAC} type veth peer name wire netns ${outside.name}
      ip address add ${HOST}/24 dev eth0
      ip link set eth0 up
      ip link add vx type vxlan id ${VNI} local ${HOST} dstport ${PORT} nolearning
      ip link set vx up`);
    outside.run('ip link set wire up');
    underlay = wire(outside, 'wire');
    overlay = wire(host, 'vx');
  });

  function sendFrom(source: Ipv4, text: string, target: Ipv4 = HOST, port = PORT): void {
    const inner = ethernet(BROADCAST, mac('0a:00:00:00:00:05'), ETHERTYPE.experiment, Buffer.from(text));
    const to = target === HOST ? HOST_MAC : BROADCAST;
    const from = mac('0a:77:00:00:00:02');
    underlay.send(ethernet(to, from, ETHERTYPE.ipv4, udp(source, target, port, vxlan(VNI, inner))));
  }

  const textOf = (frame: Buffer): string => frame.toString('latin1', 14);

  /** What came out of the VXLAN device up to a frame of the peer's that is sent last. */
  async function heard(): Promise<readonly string[]> {
    sendFrom(PEER, 'the last');
    const texts = (await caughtUpTo(overlay, 'the last')).map(textOf);
    // The kernel's own frames (IPv6 discovery) are no words.
    return texts.filter(text => /^[a-z]+ ?\d*$/.test(text));
  }

  it('drops and counts frames from strangers, and lets those of peers pass', async () => {
    const guard = firewall(host);
    sendFrom(STRANGER, 'before');
    expect(await heard()).toEqual(['before']);

    expect(await guard.guardHost(PORT)).toEqual({ ok: true, value: undefined });
    guard.setPeers([PEER]);
    sendFrom(STRANGER, 'stranger');
    sendFrom(STRANGER, 'broadcast', ip('10.77.0.255'));
    sendFrom(STRANGER, 'everywhere', ip('255.255.255.255'));
    sendFrom(HOST, 'mirror');
    sendFrom(PEER, 'peer');
    expect(await heard()).toEqual(['peer']);
    // The kernel itself refuses a packet from its own address that came by wire, after the guard has counted it.
    expect(guard.counters().strangers).toBe(4);
  });

  it('lets nobody on this host in by loopback', async () => {
    const guard = firewall(host);
    await guard.guardHost(PORT);
    guard.setPeers([PEER]);
    const script = `require('node:dgram').createSocket('udp4').send('x', ${PORT}, '127.0.0.1', () => process.exit())`;
    host.run(`'${process.execPath}' -e "${script}"`);
    await until(
      () => guard.counters().strangers === 1 || undefined,
      () => 'one stranger is counted',
    );
  });

  it('leaves other ports and datagrams that are only forwarded alone', async () => {
    const further = namespace('mfw-further');
    host.run(`ip link add eth1 type veth peer name eth0 netns ${further.name}
      ip address add 10.78.0.1/24 dev eth1; ip link set eth1 up; echo 1 > /proc/sys/net/ipv4/ip_forward
      ip neighbour add 10.78.0.2 lladdr 0a:78:00:00:00:02 dev eth1`);
    further.run('ip link set eth0 up');
    const beyond = wire(further, 'eth0');
    const guard = firewall(host);
    await guard.guardHost(PORT);
    const from = mac('0a:77:00:00:00:02');
    sendFrom(STRANGER, 'elsewhere', HOST, PORT + 1);
    const inner = udp(STRANGER, ip('10.78.0.2'), PORT, Buffer.from('forwarded'));
    underlay.send(ethernet(HOST_MAC, from, ETHERTYPE.ipv4, inner));
    await caughtUpTo(beyond, 'forwarded');
    expect(guard.counters().strangers).toBe(0);
  });

  it('stays as it is while another router takes over', async () => {
    const first = firewall(host);
    await first.guardHost(PORT);
    first.setPeers([PEER, ip('10.77.0.3')]);
    sendFrom(STRANGER, 'stranger');
    first.close();

    let taken = false;
    const second = firewall(host);
    const taking = second.guardHost(PORT).then(() => {
      second.setPeers([PEER]);
      taken = true;
    });
    const texts: string[] = [];
    let rounds = 0;
    while (!taken || rounds < 1000) {
      sendFrom(PEER, `peer ${rounds}`);
      sendFrom(STRANGER, `stranger ${rounds}`);
      rounds += 1;
      texts.push(...overlay.caught().map(textOf));
      await new Promise(setImmediate);
    }
    await taking;
    texts.push(...(await heard()));
    expect(texts.filter(text => text.startsWith('stranger'))).toEqual([]);
    expect(texts.filter(text => text.startsWith('peer'))).toEqual(
      Array.from({ length: rounds }, (_, round) => `peer ${round}`),
    );
    // The count goes on from the old one; only what is dropped while nft loads the rules may be missing in it.
    expect(second.counters().strangers).toBeGreaterThan(rounds / 2);
    expect(second.counters().strangers).toBeLessThanOrEqual(rounds + 1);
    sendFrom(ip('10.77.0.3'), 'no longer');
    expect(await heard()).toEqual([]);
  });

  it('goes on counting where the router before stopped', async () => {
    const first = firewall(host);
    await first.guardHost(PORT);
    first.setPeers([PEER]);
    for (const text of ['one', 'two', 'three']) sendFrom(STRANGER, text);
    expect(await heard()).toEqual([]);
    first.close();
    const second = firewall(host);
    await second.guardHost(PORT);
    expect(second.counters().strangers).toBe(3);
  });

  it('follows the set of peers, also where somebody else changed it', async () => {
    const guard = firewall(host);
    await guard.guardHost(PORT);
    const many = Array.from({ length: 6000 }, (_, index) => ip(`10.80.${index >> 8}.${index & 255}`));
    guard.setPeers([...many, PEER]);
    expect(host.run('nft list set ip mesh peers').match(/10\.80\./g)).toHaveLength(6000);
    host.run(
      `nft delete element ip mesh peers '{ 10.80.0.1 }'; nft add element ip mesh peers '{ ${STRANGER} }'`,
    );
    guard.setPeers([PEER]);
    expect(host.run('nft list set ip mesh peers')).toContain(`elements = { ${PEER} }`);
  });

  it('mends what others did to the table, and says so', async () => {
    const guard = firewall(host);
    await guard.guardHost(PORT);
    guard.setPeers([PEER]);
    expect(await guard.audit()).toEqual([]);
    host.run(
      `nft delete element ip mesh peers '{ ${PEER} }'; nft add element ip mesh peers '{ ${STRANGER} }'`,
    );
    expect(await guard.audit()).toEqual([
      `put ${PEER} back into the set peers of table ip mesh`,
      `took ${STRANGER} out of the set peers of table ip mesh`,
    ]);
    host.run('nft flush ruleset');
    expect(await guard.audit()).toEqual(['loaded the table ip mesh again: it was gone']);
    sendFrom(STRANGER, 'stranger');
    expect(await heard()).toEqual([]);
    expect(await guard.audit()).toEqual([]);
  });

  it('leaves the rules as before when it is removed', async () => {
    host.run(`nft 'add table ip other; add chain ip other input { type filter hook input priority 0; }'`);
    const before = host.run('nft list ruleset');
    const guard = firewall(host);
    await guard.guardHost(PORT);
    await guard.guardSwitch(host.inside);
    guard.allow('mv0123456789ab', mac('0a:00:00:00:00:01'), [ip('10.0.0.1')]);
    await guard.remove();
    expect(host.run('nft list ruleset')).toBe(before);
    await guard.remove();
    // A reset finds the table of a router that is gone.
    await firewall(host).guardHost(PORT);
    await firewall(host).remove();
    expect(host.run('nft list ruleset')).toBe(before);
    expect(log.lines).toEqual([]);
  });
});

describe('nft', () => {
  it('is named with its package where it is missing', async () => {
    const result = await runNft('', action => action(), '/nonexistent');
    expect(result).toEqual({
      ok: false,
      problem: { code: 'program-missing', program: 'nft', package: 'nftables' },
    });
  });

  it('passes on what the kernel lacks and what it refuses', async () => {
    const host = namespace('mfw-host');
    const lacking = await runNft(
      'table ip lacking { chain c { type filter hook prerouting priority 0; jump nowhere; }; }',
      host.inside,
    );
    expect(lacking).toMatchObject({ ok: false, problem: { code: 'kernel-lacks' } });
    const wrong = await runNft('add nonsense', host.inside);
    expect(wrong).toMatchObject({
      ok: false,
      problem: { code: 'kernel-refused', why: expect.stringContaining('syntax error') },
    });
  });
});

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
    inside = namespace('mfw-switch');
    const outside = namespace('mfw-outside');
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
    a = wire(outside, 'end-a');
    b = wire(outside, 'end-b');
    tunnel = wire(outside, 'tunnel');
    guard = firewall(inside);
    expect(await guard.guardSwitch(inside.inside)).toEqual({ ok: true, value: undefined });
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
    expect(log.lines).toEqual([]);
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
    const second = firewall(inside);
    const taking = second.guardSwitch(inside.inside).then(() => {
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
