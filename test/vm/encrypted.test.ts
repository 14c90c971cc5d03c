import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNamespace } from '../../src/adapters/linux/namespace.ts';
import type { Ipv4, Mac } from '../../src/core/address.ts';
import { ETHERTYPE, ethernet, openWire, udp, vxlan } from '../support/frames.ts';
import { startProbe } from '../support/lab/probe.ts';
import { type } from '../support/lab/shell.ts';
import { startCapture } from '../support/vm/capture.ts';
import {
  BOXES,
  createEncryptedMesh,
  type EncryptedMesh,
  IN_BOX,
  killRouter,
  pathTo,
  ping,
  reaches,
} from '../support/vm/encrypted-mesh.ts';

/** Of the default network. */
const VNI = 6784;
/** What the machine outside claims to be within. */
const FORGED = '10.32.0.99' as Ipv4;
const FRAMES = 10;

describe('a mesh with a password, where the kernel has WireGuard', () => {
  let mesh: EncryptedMesh;

  beforeAll(async () => {
    mesh = await createEncryptedMesh();
  });
  afterAll(() => mesh?.lab.destroy());

  it('encrypts frames of any size, and says so', async () => {
    const { one, two, readable } = mesh;
    expect(await pathTo(one, two, ({ mtu }) => mtu === 1_390)).toMatchObject({
      path: 'fastdp',
      protection: 'encrypted',
    });
    const outer = await startCapture(two);
    const inner = await startCapture(two, 'ethmesh', IN_BOX.split(' '));
    await type(one, ping(5, '-M do -s 1362'));
    await type(one, ping(5, '-s 4000'));
    expect(readable(await inner.stop())).toHaveLength(5);
    const packets = await outer.stop();
    expect(packets.length).toBeGreaterThan(50_000);
    expect(readable(packets)).toEqual([]);
  });

  it('takes nothing that others send, neither by their own address nor by that of a host', async () => {
    const { one, two, outside } = mesh;
    const mac = await type(one, `${IN_BOX} cat /sys/class/net/ethmesh/address`);
    await type(
      outside,
      `ip link add vx type vxlan id ${VNI} remote ${one.address} dstport 6784 nolearning
       ip address add ${FORGED}/12 dev vx; ip link set vx up
       ip neighbour add ${BOXES[0]} dev vx lladdr ${mac}`,
    );
    await type(
      one,
      `${IN_BOX} nft 'add table ip lab; add counter ip lab forged
         add chain ip lab in { type filter hook prerouting priority 0; }
         add rule ip lab in ip saddr ${FORGED} counter name forged'
       nft 'add table ip lab; add counter ip lab arrived
         add chain ip lab in { type filter hook prerouting priority -400; }
         add rule ip lab in udp dport 6784 @th,64,8 8 counter name arrived'`,
    );
    const send = `ping -q -c ${FRAMES} -i 0.1 -W 1 ${BOXES[0]}`;
    await outside.exec(['sh', '-c', send]);
    await type(
      outside,
      `nft 'add table ip lab
         add chain ip lab out { type filter hook postrouting priority 0; }
         add rule ip lab out udp dport 6784 ip saddr set ${two.address}'`,
    );
    await outside.exec(['sh', '-c', send]);
    const [, arrived] = /packets (\d+)/.exec(await type(one, 'nft list counter ip lab arrived')) ?? [];
    expect(Number(arrived)).toBeGreaterThanOrEqual(2 * FRAMES);
    expect(await type(one, `${IN_BOX} nft list counter ip lab forged`)).toContain('packets 0');
    expect(await reaches(one)).toBe(true);
  });

  it('takes for frames nothing that a container sends to the switch', async () => {
    const { one } = mesh;
    const inSwitch = 'nsenter --net=/run/mesh/switch';
    const mac = (await type(one, `${IN_BOX} cat /sys/class/net/ethmesh/address`)).trim() as Mac;
    const link = await type(one, `${inSwitch} ip -o link show br-${VNI}`);
    const address = await type(one, `${inSwitch} ip -4 -o address show br-${VNI}`);
    const bridge = {
      mac: /ether (\S+)/.exec(link)?.[1] as Mac,
      ip: /inet ([\d.]+)/.exec(address)?.[1] as Ipv4,
    };
    const forged = udp(FORGED, BOXES[0] as Ipv4, 9, Buffer.from('forged'));
    const inner = vxlan(VNI, ethernet(mac, '02:00:00:00:00:09' as Mac, ETHERTYPE.ipv4, forged));
    const outer = udp(BOXES[0] as Ipv4, bridge.ip, 6784, inner);
    const box = openNamespace(`/proc/${one.pid}/root/run/netns/box`);
    const wire = openWire(box, 'ethmesh');
    const arrived = async (): Promise<string> => {
      wire.send(ethernet(bridge.mac, mac, ETHERTYPE.ipv4, outer));
      return type(one, `${IN_BOX} nft list counter ip lab forged`);
    };
    expect(await arrived()).toContain('packets 0');
    // But for our rule, it would be.
    await type(one, `${inSwitch} nft flush chain bridge mesh input`);
    expect(await arrived()).toContain('packets 1');
    wire.close();
    box.close();
  });

  it('goes on, still encrypted, while a router is killed', async () => {
    const { one, two, readable } = mesh;
    const capture = await startCapture(two);
    const probe = await startProbe(one, 'box', BOXES[1], undefined, 20);
    await killRouter(one);
    await type(one, ping(10));
    const { sent, answered } = await probe.stop();
    expect(sent).toBeGreaterThan(50);
    // The last one may still be on its way.
    expect(sent - answered).toBeLessThanOrEqual(1);
    expect(readable(await capture.stop())).toEqual([]);
  });
});
