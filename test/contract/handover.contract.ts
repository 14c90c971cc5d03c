import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ipv4, macOfAddress } from '../../src/core/address.ts';
import { HOST_SANDBOX, handedName } from '../../src/core/endpoints/attachment.ts';
import type { Forwarding } from '../../src/core/forwarding.ts';
import type { Attachment, Dataplane } from '../../src/ports/dataplane.ts';
import type { DataplaneWorld, WorldContainer } from './dataplane.contract.ts';

const VNI = 0x6d65;
const A = '10.0.0.11' as Ipv4;
const B = '10.0.0.12' as Ipv4;
const ENDPOINT = 'c0ffee'.repeat(10);
const DEVICE = 'mesh-c0ffeec0ff';
const done = { ok: true, value: undefined };

/** What every data plane must do with an endpoint whose end an engine takes (src/ports/dataplane.ts). */
export function handoverContract(name: string, make: () => Promise<DataplaneWorld>): void {
  describe(`data plane, endpoints that are handed over: ${name}`, () => {
    let world: DataplaneWorld;
    let plane: Dataplane;
    const opened: Dataplane[] = [];

    async function open(): Promise<Dataplane> {
      const [host] = world.hosts;
      const dataplane = host.open();
      opened.push(dataplane);
      await dataplane.start(host.vtep);
      return dataplane;
    }

    beforeEach(async () => {
      world = await make();
      plane = await open();
      expect(await plane.apply(forwarding())).toEqual(done);
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(dataplane => dataplane.close()));
      await world.dispose();
    });

    const forwarding = (mtu = 1450): Forwarding => ({
      peers: [],
      networks: [{ name: 'mesh', vni: VNI, mtu, own: undefined, stations: [], flood: [] }],
    });
    const endpoint = (change: Partial<Attachment> = {}): Attachment => ({
      network: 'mesh',
      vni: VNI,
      container: handedName(ENDPOINT),
      sandbox: HOST_SANDBOX,
      device: DEVICE,
      mac: macOfAddress(VNI, A, 0),
      mtu: 1450,
      addresses: [{ address: A, prefix: 24 }],
      handed: { joined: undefined },
      ...change,
    });
    /** An ordinary container beside it. */
    async function neighbour(): Promise<WorldContainer> {
      const box = world.startContainer('neighbour');
      const { container, sandbox } = box;
      const { handed: _, ...plain } = endpoint({ container, sandbox, device: 'ethmesh' });
      const addresses = [{ address: B, prefix: 24 }];
      expect(await plane.plumb({ ...plain, mac: macOfAddress(VNI, B, 0), addresses })).toEqual(done);
      return box;
    }
    const found = async () => (await plane.inspect()).attachments.map(({ container }) => container);

    test('its end waits in the host without an address, and works where the engine takes it', async () => {
      const [host] = world.hosts;
      const near = await neighbour();
      expect(await plane.plumb(endpoint())).toEqual(done);
      const mac = macOfAddress(VNI, A, 0);
      expect(host.self.show(DEVICE)).toEqual({ mac, mtu: 1450, addresses: [] });
      const box = world.startContainer('box');
      host.take(DEVICE, box, 'ethmesh0', { address: A, prefix: 24 });
      expect(host.self.interfaces()).not.toContain(DEVICE);
      expect(await world.reaches(box, B)).toBe(true);
      expect(await world.reaches(near, A)).toBe(true);
      expect(await plane.audit()).toEqual([]);
    });

    test('made again, it is the same one, whether it has been taken or not', async () => {
      const [host] = world.hosts;
      const near = await neighbour();
      const box = world.startContainer('box');
      for (let round = 0; round < 2; round += 1) expect(await plane.plumb(endpoint())).toEqual(done);
      expect(host.self.interfaces().filter(each => each === DEVICE)).toHaveLength(1);
      host.take(DEVICE, box, 'ethmesh0', { address: A, prefix: 24 });
      const handed = { joined: box.sandbox };
      for (let round = 0; round < 2; round += 1)
        expect(await plane.plumb(endpoint({ handed }))).toEqual(done);
      expect(host.self.interfaces()).not.toContain(DEVICE);
      expect(box.show('ethmesh0').addresses).toEqual([`${A}/24`]);
      expect(await world.reaches(near, A)).toBe(true);
    });

    test('a later data plane finds it, keeps it, and reaches its end with a new MTU', async () => {
      const [host] = world.hosts;
      const near = await neighbour();
      const box = world.startContainer('box');
      await plane.plumb(endpoint());
      host.take(DEVICE, box, 'ethmesh7', { address: A, prefix: 24 });
      await plane.close();
      plane = await open();
      expect(await found()).toContain(handedName(ENDPOINT));
      expect(await plane.apply(forwarding())).toEqual(done);
      expect(await plane.plumb(endpoint({ handed: { joined: box.sandbox } }))).toEqual(done);
      expect(await world.reaches(near, A)).toBe(true);
      expect(await plane.apply(forwarding(1376))).toEqual(done);
      expect(box.show('ethmesh7').mtu).toBe(1376);
      expect(await plane.audit()).toEqual([]);
    });

    test('goes without a trace: waiting, taken, and with its container', async () => {
      const [host] = world.hosts;
      const [before, interfaces] = [host.traces(), host.self.interfaces()];
      await plane.plumb(endpoint());
      await plane.unplumb('mesh', handedName(ENDPOINT));
      expect(host.self.interfaces()).toEqual(interfaces);
      expect(host.traces()).toBe(before);

      const box = world.startContainer('box');
      const own = box.interfaces();
      await plane.plumb(endpoint());
      host.take(DEVICE, box, 'ethmesh0', { address: A, prefix: 24 });
      await plane.unplumb('mesh', handedName(ENDPOINT));
      await plane.unplumb('mesh', handedName(ENDPOINT));
      expect(box.interfaces()).toEqual(own);
      expect(host.traces()).toBe(before);

      await plane.plumb(endpoint());
      host.take(DEVICE, box, 'ethmesh0', { address: A, prefix: 24 });
      box.end();
      await plane.unplumb('mesh', handedName(ENDPOINT));
      expect(await found()).toEqual([]);
      expect(await plane.audit()).toEqual([]);
      expect(host.traces()).toBe(before);
    });

    test('is refused where something else has the name that its end would wait under', async () => {
      const [host] = world.hosts;
      host.self.addInterface(DEVICE);
      const before = host.traces();
      const problem = { code: 'host-interface-taken', name: DEVICE };
      expect(await plane.plumb(endpoint())).toEqual({ ok: false, problem });
      expect(host.traces()).toBe(before);
    });

    test('is refused on a network that is not there, and leaves nothing', async () => {
      const [host] = world.hosts;
      const before = host.traces();
      expect(await plane.plumb(endpoint({ network: 'other', vni: 77 }))).toMatchObject({
        problem: { code: 'kernel-refused' },
      });
      expect(host.traces()).toBe(before);
    });
  });
}
