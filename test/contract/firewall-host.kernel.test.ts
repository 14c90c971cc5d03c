import { beforeEach, describe, expect, it } from 'vitest';
import { runNft } from '../../src/adapters/linux/firewall/nft.ts';
import type { Ipv4, Mac } from '../../src/core/address.ts';
import {
  BROADCAST,
  caughtUpTo,
  ETHERTYPE,
  ethernet,
  type TestNamespace,
  udp,
  vxlan,
  type Wire,
} from '../support/frames.ts';
import { useGuarded } from '../support/guarded.ts';
import { until } from '../support/until.ts';

const ip = (text: string): Ipv4 => text as Ipv4;
const mac = (text: string): Mac => text as Mac;
const test = useGuarded();

describe('the guard of the data port', () => {
  const PORT = 6784;
  const VNI = 77;
  const HOST = ip('10.77.0.1');
  const LOCAL = { address: HOST, port: PORT };
  const HOST_MAC = mac('0a:77:00:00:00:01');
  const PEER = ip('10.77.0.2');
  const STRANGER = ip('10.77.0.9');
  let host: TestNamespace;
  /** The other end of the host's cable. */
  let underlay: Wire;
  /** The VXLAN device, where a frame shows that was let through. */
  let overlay: Wire;

  beforeEach(() => {
    host = test.namespace('host');
    const outside = test.namespace('underlay');
    host.run(`ip link add eth0 address ${HOST_MAC} type veth peer name wire netns ${outside.name}
      ip address add ${HOST}/24 dev eth0
      ip link set eth0 up
      ip link add vx type vxlan id ${VNI} local ${HOST} dstport ${PORT} nolearning
      ip link set vx up`);
    outside.run('ip link set wire up');
    underlay = test.wire(outside, 'wire');
    overlay = test.wire(host, 'vx');
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
    const guard = test.firewall(host);
    sendFrom(STRANGER, 'before');
    expect(await heard()).toEqual(['before']);

    expect(await guard.guardHost(LOCAL)).toEqual({ ok: true, value: { relays: true } });
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
    const guard = test.firewall(host);
    await guard.guardHost(LOCAL);
    guard.setPeers([PEER]);
    const script = `require('node:dgram').createSocket('udp4').send('x', ${PORT}, '127.0.0.1', () => process.exit())`;
    host.run(`'${process.execPath}' -e "${script}"`);
    await until(
      () => guard.counters().strangers === 1 || undefined,
      () => 'one stranger is counted',
    );
  });

  it('leaves other ports and datagrams that are only forwarded alone', async () => {
    const further = test.namespace('further');
    host.run(`ip link add eth1 type veth peer name eth0 netns ${further.name}
      ip address add 10.78.0.1/24 dev eth1; ip link set eth1 up; echo 1 > /proc/sys/net/ipv4/ip_forward
      ip neighbour add 10.78.0.2 lladdr 0a:78:00:00:00:02 dev eth1`);
    further.run('ip link set eth0 up');
    const beyond = test.wire(further, 'eth0');
    const guard = test.firewall(host);
    await guard.guardHost(LOCAL);
    const from = mac('0a:77:00:00:00:02');
    sendFrom(STRANGER, 'elsewhere', HOST, PORT + 1);
    const inner = udp(STRANGER, ip('10.78.0.2'), PORT, Buffer.from('forwarded'));
    underlay.send(ethernet(HOST_MAC, from, ETHERTYPE.ipv4, inner));
    await caughtUpTo(beyond, 'forwarded');
    expect(guard.counters().strangers).toBe(0);
  });

  it.each([
    ['', PORT, 7_001],
    [', at ports that start again at 1', 65_500, 181],
  ])(
    'sends on what peers address to others, as its own, and nothing of strangers%s',
    async (_, port, relayed) => {
      const local = { address: HOST, port };
      const further = test.namespace('mfw-further');
      const there = ip('10.78.0.2');
      host.run(`ip link add eth1 type veth peer name eth0 netns ${further.name}
      ip address add 10.78.0.1/24 dev eth1; ip link set eth1 up
      ip neighbour add ${there} lladdr 0a:78:00:00:00:02 dev eth1`);
      further.run('ip link set eth0 up');
      const beyond = test.wire(further, 'eth0');
      const guard = test.firewall(host);
      await guard.guardHost(local);
      guard.setPeers([PEER]);
      guard.setRelays([{ port: relayed, to: { address: there, port: 6_790 } }]);
      sendFrom(STRANGER, 'strange', HOST, relayed);
      sendFrom(PEER, 'of a peer', HOST, relayed);
      sendFrom(PEER, 'elsewhere', HOST, relayed + 1);
      guard.setRelays([{ port: relayed, to: { address: there, port: PORT } }]);
      expect(await guard.audit()).toEqual([]);
      sendFrom(PEER, 'the last', HOST, relayed);
      const passed = await caughtUpTo(beyond, 'the last');
      const datagrams = passed.filter(frame => frame.readUInt16BE(12) === ETHERTYPE.ipv4 && frame[23] === 17);
      const source = Buffer.from(HOST.split('.').map(Number));
      expect(
        datagrams.map(frame => [
          /of a peer|the last/.exec(frame.toString('latin1'))?.[0],
          frame.readUInt16BE(36),
        ]),
      ).toEqual([
        ['of a peer', 6_790],
        ['the last', PORT],
      ]);
      for (const frame of datagrams) {
        expect(frame.subarray(26, 30)).toEqual(source);
        // No checksum, as it came.
        expect(frame.readUInt16BE(40)).toBe(0);
      }

      const second = test.firewall(host);
      guard.close();
      await second.guardHost(local);
      expect(second.relays()).toEqual([{ port: relayed, to: { address: there, port: PORT } }]);
      second.setRelays([]);
      expect(second.relays()).toEqual([]);
      expect(host.run('nft list table ip mesh')).not.toContain(`${relayed} :`);
    },
  );

  it('stays as it is while another router takes over', async () => {
    const first = test.firewall(host);
    await first.guardHost(LOCAL);
    first.setPeers([PEER, ip('10.77.0.3')]);
    sendFrom(STRANGER, 'stranger');
    first.close();

    let taken = false;
    const second = test.firewall(host);
    const taking = second.guardHost(LOCAL).then(() => {
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
    const first = test.firewall(host);
    await first.guardHost(LOCAL);
    first.setPeers([PEER]);
    for (const text of ['one', 'two', 'three']) sendFrom(STRANGER, text);
    expect(await heard()).toEqual([]);
    first.close();
    const second = test.firewall(host);
    await second.guardHost(LOCAL);
    expect(second.counters().strangers).toBe(3);
  });

  it('follows the set of peers, also where somebody else changed it', async () => {
    const guard = test.firewall(host);
    await guard.guardHost(LOCAL);
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
    const guard = test.firewall(host);
    await guard.guardHost(LOCAL);
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
    const guard = test.firewall(host);
    await guard.guardHost(LOCAL);
    await guard.guardSwitch(host.inside, PORT);
    guard.allow('mv0123456789ab', mac('0a:00:00:00:00:01'), [ip('10.0.0.1')]);
    await guard.remove();
    expect(host.run('nft list ruleset')).toBe(before);
    await guard.remove();
    // A reset finds the table of a router that is gone.
    await test.firewall(host).guardHost(LOCAL);
    await test.firewall(host).remove();
    expect(host.run('nft list ruleset')).toBe(before);
    expect(test.log.lines).toEqual([]);
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
    const host = test.namespace('host');
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
