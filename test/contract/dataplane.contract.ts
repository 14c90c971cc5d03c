import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Cidr, type Ipv4, type Mac, macOfAddress, type Vtep } from '../../src/core/address.ts';
import { HOST_LEG, HOST_SANDBOX } from '../../src/core/endpoints/attachment.ts';
import type { Forwarding, NetworkForwarding, Station } from '../../src/core/forwarding.ts';
import type { Attachment, Dataplane } from '../../src/ports/dataplane.ts';
import { until } from '../support/until.ts';

/** Two hosts that can send to each other, and containers. */
export interface DataplaneWorld {
  readonly hosts: readonly [WorldHost, WorldHost];
  /** Starts a container; where one of this name runs, it is restarted: its sandbox is a new one. */
  startContainer(name: string): WorldContainer;
  /** Whether an echo of `size` bytes (IP packet) from inside is answered. */
  reaches(from: Pick<WorldContainer, 'sandbox'>, address: Ipv4, size?: number): Promise<boolean>;
  dispose(): Promise<void>;
}

export interface WorldHost {
  readonly vtep: Vtep;
  readonly underlayMtu: number;
  /** A data plane as a router that was just started has it, on what was left in this kernel. */
  open(): Dataplane;
  /** What stays while a network is only kept: the indexes of its devices. */
  indexes(vni: number): readonly number[];
  /** Everything that a data plane could leave behind. */
  traces(): string;
  /** Takes the UDP port until the returned function is called. */
  occupy(port: number): Promise<() => Promise<void>>;
  forgetStation(vni: number, station: Station): void;
  misdirect(vni: number, station: Station, vtep: Vtep): void;
  addStation(vni: number, station: Station): void;
  /** Does what an engine does with the end that waits as `device`: it is `name` in the container from then on. */
  take(device: string, container: WorldContainer, name: string, address: Cidr): void;
  /** The host itself, as if it were a container: its own leg is plumbed into it. */
  readonly self: Omit<WorldContainer, 'end'>;
}

export interface WorldContainer {
  readonly container: string;
  readonly sandbox: string;
  /** An interface that is none of ours. */
  addInterface(name: string): void;
  interfaces(): readonly string[];
  /** MAC, MTU and addresses of an interface. */
  show(name: string): { mac: string; mtu: number; addresses: readonly string[] };
  end(): void;
}

const VNI = 0x6d65;
const CONTROL_VNI = 0x6d66;
const ip = (text: string): Ipv4 => text as Ipv4;
const mac = (address: Ipv4): Mac => macOfAddress(VNI, address, 0);
const A = ip('10.0.0.11');
const B = ip('10.0.0.12');

/** What every data plane must do (src/ports/dataplane.ts). */
/** Probes until it is answered: on a busy machine the kernel takes up to a second until a new bridge has its carrier. */
async function answered(
  here: Dataplane,
  ...[address, size, via]: Parameters<Dataplane['probe']>
): Promise<void> {
  const probe = () => here.probe(address, size, via);
  await until(
    async () => (await probe()).alive || undefined,
    () => `no answer from ${address}`,
    3_000,
  );
}

export function dataplaneContract(name: string, make: () => Promise<DataplaneWorld>): void {
  describe(`data plane: ${name}`, () => {
    let world: DataplaneWorld;
    const opened: Dataplane[] = [];

    beforeEach(async () => {
      world = await make();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(dataplane => dataplane.close()));
      await world.dispose();
    });

    async function start(index: 0 | 1): Promise<Dataplane> {
      const host = world.hosts[index];
      const dataplane = host.open();
      opened.push(dataplane);
      expect(await dataplane.start(host.vtep)).toEqual({
        ok: true,
        value: { underlayMtu: host.underlayMtu, relays: expect.any(Boolean) },
      });
      return dataplane;
    }

    async function startBoth(): Promise<[Dataplane, Dataplane]> {
      return [await start(0), await start(1)];
    }

    const station = (index: 0 | 1, address: Ipv4): Station => ({
      address,
      mac: mac(address),
      vtep: world.hosts[index].vtep,
    });

    /** What host `index` should hold when the other has containers with these addresses. */
    function forwarding(
      index: 0 | 1,
      others: readonly Ipv4[],
      change: Partial<NetworkForwarding> = {},
    ): Forwarding {
      const other = index === 0 ? 1 : 0;
      const { vtep } = world.hosts[other];
      const control = (of: 0 | 1) => {
        const address = ip(`10.200.0.${of + 1}`);
        return { address, mac: macOfAddress(CONTROL_VNI, address, 0) };
      };
      const own = control(index);
      return {
        peers: [vtep.address],
        networks: [
          {
            name: 'mesh',
            vni: VNI,
            mtu: 1450,
            own: undefined,
            stations: others.map(address => station(other, address)),
            flood: others.length > 0 ? [vtep] : [],
            ...change,
          },
          {
            name: 'control',
            vni: CONTROL_VNI,
            mtu: 1450,
            own: { address: { address: own.address, prefix: 16 }, mac: own.mac },
            stations: [{ ...control(other), vtep }],
            flood: [],
          },
        ],
      };
    }

    function attachment(of: WorldContainer, address: Ipv4, change: Partial<Attachment> = {}): Attachment {
      const { container, sandbox } = of;
      return {
        network: 'mesh',
        vni: VNI,
        container,
        sandbox,
        device: 'ethmesh',
        mac: mac(address),
        mtu: 1450,
        addresses: [{ address, prefix: 24 }],
        ...change,
      };
    }

    const done = { ok: true, value: undefined };

    describe('start', () => {
      test('refuses an address that is not of this host', async () => {
        const dataplane = world.hosts[0].open();
        opened.push(dataplane);
        const before = world.hosts[0].traces();
        const problem = { code: 'no-such-host-address', value: '203.0.113.9' };
        expect(await dataplane.start({ address: ip('203.0.113.9'), port: 6784 })).toEqual({
          ok: false,
          problem,
        });
        expect(world.hosts[0].traces()).toBe(before);
      });

      test('refuses a data port that is in use, and takes it when it is free', async () => {
        const host = world.hosts[0];
        const before = host.traces();
        const release = await host.occupy(host.vtep.port);
        const dataplane = host.open();
        opened.push(dataplane);
        const problem = { code: 'port-in-use', port: host.vtep.port, protocol: 'udp' };
        expect(await dataplane.start(host.vtep)).toEqual({ ok: false, problem });
        expect(host.traces()).toBe(before);
        await release();
        expect(await dataplane.start(host.vtep)).toMatchObject({ ok: true });
      });
    });

    describe('apply', () => {
      test('is shown by inspect, whichever data plane looks', async () => {
        const first = await start(0);
        const wanted = forwarding(0, [A, B]);
        expect(await first.apply(wanted)).toEqual(done);
        expect((await first.inspect()).forwarding).toEqual(wanted);
        await first.close();
        const second = await start(0);
        expect((await second.inspect()).forwarding.networks).toEqual(wanted.networks);
      });

      test('twice, and by another data plane, changes nothing', async () => {
        const first = await start(0);
        const wanted = forwarding(0, [A, B]);
        await first.apply(wanted);
        const indexes = [VNI, CONTROL_VNI].map(vni => world.hosts[0].indexes(vni));
        expect(await first.apply(wanted)).toEqual(done);
        expect(await first.audit()).toEqual([]);
        await first.close();
        const second = await start(0);
        expect(await second.apply(wanted)).toEqual(done);
        expect(await second.audit()).toEqual([]);
        expect([VNI, CONTROL_VNI].map(vni => world.hosts[0].indexes(vni))).toEqual(indexes);
      });

      test('adds, moves and removes stations and flood entries, and removes networks', async () => {
        const dataplane = await start(0);
        const elsewhere: Vtep = { address: ip('192.168.48.77'), port: 7000 };
        const moved = { ...station(1, A), vtep: elsewhere };
        for (const wanted of [
          forwarding(0, [A, B]),
          forwarding(0, [], { stations: [moved], flood: [elsewhere] }),
          forwarding(0, [], { stations: [moved, station(1, B)], flood: [world.hosts[1].vtep, elsewhere] }),
          forwarding(0, []),
          { peers: [], networks: [] },
          forwarding(0, [B]),
        ]) {
          expect(await dataplane.apply(wanted)).toEqual(done);
          expect((await dataplane.inspect()).forwarding).toEqual(wanted);
          expect(await dataplane.audit()).toEqual([]);
        }
      });

      test('takes several addresses behind one MAC', async () => {
        const dataplane = await start(0);
        const shared = { ...station(1, B), mac: mac(A) };
        const wanted = forwarding(0, [], { stations: [station(1, A), shared] });
        await dataplane.apply(wanted);
        expect((await dataplane.inspect()).forwarding).toEqual(wanted);
        const fewer = forwarding(0, [], { stations: [shared] });
        await dataplane.apply(fewer);
        expect((await dataplane.inspect()).forwarding).toEqual(fewer);
        expect(await dataplane.audit()).toEqual([]);
      });

      test('lets every host answer for the service addresses by itself', async () => {
        const addresses = [
          { address: ip('10.0.0.254'), prefix: 24 },
          { address: ip('10.1.255.254'), prefix: 16 },
        ];
        const service = { addresses, mac: mac(addresses[0]!.address) };
        const [here, there] = await startBoth();
        const wanted = forwarding(0, [B], { service });
        expect(await here.apply(wanted)).toEqual(done);
        expect(await there.apply(forwarding(1, [A], { service }))).toEqual(done);
        expect((await here.inspect()).forwarding).toEqual(wanted);
        const [box, other] = ['box', 'other'].map(name => world.startContainer(name)) as [
          WorldContainer,
          WorldContainer,
        ];
        await here.plumb(attachment(box, A));
        await there.plumb(attachment(other, B));
        for (const container of [box, other]) {
          expect(await world.reaches(container, addresses[0]!.address)).toBe(true);
        }
        await here.close();
        const next = await start(0);
        expect((await next.inspect()).forwarding.networks).toEqual(wanted.networks);
        expect(await next.apply(wanted)).toEqual(done);
        expect(await next.audit()).toEqual([]);
        const without = forwarding(0, [B]);
        expect(await next.apply(without)).toEqual(done);
        expect((await next.inspect()).forwarding).toEqual(without);
        expect(await world.reaches(box, addresses[0]!.address)).toBe(false);
        expect(await world.reaches(box, B)).toBe(true);
      });

      test('reaches the containers with a new MTU', async () => {
        const [here, there] = await startBoth();
        await here.apply(forwarding(0, [B]));
        await there.apply(forwarding(1, [A]));
        const box = world.startContainer('box');
        const other = world.startContainer('other');
        await here.plumb(attachment(box, A));
        await there.plumb(attachment(other, B));
        for (const mtu of [1376, 1450]) {
          expect(await here.apply(forwarding(0, [B], { mtu }))).toEqual(done);
          expect(await there.apply(forwarding(1, [A], { mtu }))).toEqual(done);
          expect(box.show('ethmesh').mtu).toBe(mtu);
          expect(await world.reaches(box, B, mtu)).toBe(true);
          expect(await world.reaches(box, B, mtu + 1)).toBe(false);
          expect(await here.audit()).toEqual([]);
        }
      });
    });

    test('audit mends what others changed, with a sentence for each', async () => {
      const dataplane = await start(0);
      const wanted = forwarding(0, [A, B]);
      await dataplane.apply(wanted);
      const [first, second] = [station(1, A), station(1, B)];
      const stray = station(1, ip('10.0.0.99'));
      const host = world.hosts[0];
      host.forgetStation(VNI, first);
      host.misdirect(VNI, second, { address: ip('192.168.48.66'), port: 6784 });
      host.addStation(VNI, stray);
      const mended = await dataplane.audit();
      for (const { address, mac: of } of [first, second, stray]) {
        expect(mended.join('\n')).toMatch(new RegExp(`network mesh: .*(${address}|${of})`));
      }
      expect((await dataplane.inspect()).forwarding).toEqual(wanted);
      expect(await dataplane.audit()).toEqual([]);
    });

    describe('plumb', () => {
      test('joins containers of one host and of two', async () => {
        const [here, there] = await startBoth();
        const C = ip('10.0.0.13');
        await here.apply(forwarding(0, [B]));
        await there.apply(forwarding(1, [A, C]));
        const [a, b, c] = ['a', 'b', 'c'].map(each => world.startContainer(each)) as [
          WorldContainer,
          WorldContainer,
          WorldContainer,
        ];
        expect(await here.plumb(attachment(a, A))).toEqual(done);
        expect(await there.plumb(attachment(b, B))).toEqual(done);
        expect(await here.plumb(attachment(c, C))).toEqual(done);
        expect(await world.reaches(a, B)).toBe(true);
        expect(await world.reaches(b, C)).toBe(true);
        expect(await world.reaches(c, A)).toBe(true);
        expect(await world.reaches(a, ip('10.0.0.77'))).toBe(false);
        const attachments = [a, c].map(({ container }, index) => ({
          network: 'mesh',
          container,
          mac: mac([A, C][index] as Ipv4),
        }));
        expect((await here.inspect()).attachments).toEqual(attachments);
        expect(await here.audit()).toEqual([]);
      });

      test('repeated, brings the interface to exactly what is given', async () => {
        const dataplane = await start(0);
        await dataplane.apply(forwarding(0, []));
        const box = world.startContainer('box');
        const given = attachment(box, A);
        for (const change of [
          {},
          {},
          { addresses: [A, B].map(address => ({ address, prefix: 24 })) },
          { addresses: [{ address: B, prefix: 16 }], mac: mac(B) },
          { mtu: 1450, mac: mac(A) },
        ]) {
          const wanted = { ...given, ...change };
          expect(await dataplane.plumb(wanted)).toEqual(done);
          expect(box.show('ethmesh')).toEqual({
            mac: wanted.mac,
            mtu: wanted.mtu,
            addresses: wanted.addresses.map(({ address, prefix }) => `${address}/${prefix}`),
          });
          const { container } = box;
          expect((await dataplane.inspect()).attachments).toEqual([
            { network: 'mesh', container, mac: wanted.mac },
          ]);
          expect(await dataplane.audit()).toEqual([]);
        }
      });

      test('and unplumb may be repeated and leave nothing', async () => {
        const dataplane = await start(0);
        await dataplane.apply(forwarding(0, []));
        const before = world.hosts[0].traces();
        const box = world.startContainer('box');
        const interfaces = box.interfaces();
        await dataplane.unplumb('mesh', box.container);
        await dataplane.plumb(attachment(box, A));
        expect(box.interfaces()).toEqual([...interfaces, 'ethmesh'].sort());
        await dataplane.unplumb('mesh', box.container);
        await dataplane.unplumb('mesh', box.container);
        expect(box.interfaces()).toEqual(interfaces);
        expect((await dataplane.inspect()).attachments).toEqual([]);
        expect(world.hosts[0].traces()).toBe(before);
      });

      test('follows a container to its new sandbox, also when the old one is still there', async () => {
        const dataplane = await start(0);
        await dataplane.apply(forwarding(0, []));
        const neighbour = world.startContainer('neighbour');
        await dataplane.plumb(attachment(neighbour, B));
        const before = world.startContainer('box');
        await dataplane.plumb(attachment(before, A));
        const after = world.startContainer('box');
        expect(after.sandbox).not.toBe(before.sandbox);
        expect(await dataplane.plumb({ ...attachment(before, A), sandbox: after.sandbox })).toEqual(done);
        expect(before.interfaces()).not.toContain('ethmesh');
        expect(await world.reaches(after, B)).toBe(true);
        after.end();
        expect(await dataplane.audit()).toEqual([]);
        const again = world.startContainer('box');
        expect(await dataplane.plumb({ ...attachment(before, A), sandbox: again.sandbox })).toEqual(done);
        expect(await world.reaches(again, B)).toBe(true);
      });

      test('refuses where the interface is taken or the container gone, and leaves nothing', async () => {
        const dataplane = await start(0);
        await dataplane.apply(forwarding(0, []));
        const before = world.hosts[0].traces();
        const box = world.startContainer('box');
        box.addInterface('ethmesh');
        const taken = { code: 'interface-taken', container: box.container, name: 'ethmesh' };
        expect(await dataplane.plumb(attachment(box, A))).toEqual({ ok: false, problem: taken });
        expect(box.interfaces()).toContain('ethmesh');
        box.end();
        const gone = { code: 'container-gone', container: box.container };
        expect(await dataplane.plumb(attachment(box, A))).toEqual({ ok: false, problem: gone });
        expect((await dataplane.inspect()).attachments).toEqual([]);
        expect(world.hosts[0].traces()).toBe(before);
      });

      test('refuses a network that was not applied', async () => {
        const dataplane = await start(0);
        await dataplane.apply({ peers: [], networks: [] });
        const box = world.startContainer('box');
        const interfaces = box.interfaces();
        expect(await dataplane.plumb(attachment(box, A))).toMatchObject({
          problem: { code: 'kernel-refused' },
        });
        expect(box.interfaces()).toEqual(interfaces);
      });
    });

    test('a data plane that starts anew finds what another plumbed, and frames went on', async () => {
      const [here, there] = await startBoth();
      await here.apply(forwarding(0, [B]));
      await there.apply(forwarding(1, [A]));
      const [a, b] = [world.startContainer('a'), world.startContainer('b')];
      await here.plumb(attachment(a, A));
      await there.plumb(attachment(b, B));
      await here.close();
      expect(await world.reaches(a, B)).toBe(true);
      const again = await start(0);
      expect(await world.reaches(a, B)).toBe(true);
      expect(await again.apply(forwarding(0, [B]))).toEqual(done);
      const { container } = a;
      expect((await again.inspect()).attachments).toEqual([{ network: 'mesh', container, mac: mac(A) }]);
      expect(await world.reaches(a, B)).toBe(true);
      await again.unplumb('mesh', container);
      expect(a.interfaces()).not.toContain('ethmesh');
      expect(await world.reaches(b, A)).toBe(false);
    });

    test('an address that moves to the other host is reached there', async () => {
      const [here, there] = await startBoth();
      const C = ip('10.0.0.13');
      const watcher = world.startContainer('watcher');
      await here.apply(forwarding(0, []));
      await there.apply(forwarding(1, [A, C]));
      await here.plumb(attachment(watcher, C));
      for (let round = 0; round < 3; round += 1) {
        const atHome = world.startContainer('home');
        await here.plumb(attachment(atHome, A));
        await here.apply(forwarding(0, []));
        await there.apply(forwarding(1, [A, C]));
        expect(await world.reaches(watcher, A)).toBe(true);
        const away = world.startContainer('away');
        // The other host's news come before the container has gone here.
        await there.plumb(attachment(away, A));
        await there.apply(forwarding(1, [C]));
        await here.apply(forwarding(0, [A]));
        await here.unplumb('mesh', atHome.container);
        expect(await world.reaches(watcher, A)).toBe(true);
        expect(await world.reaches(away, C)).toBe(true);
        expect(await here.audit()).toEqual([]);
        expect(await there.audit()).toEqual([]);
        await there.unplumb('mesh', away.container);
      }
    });

    test('after a thousand changes the kernel holds what lives, and nothing else', async () => {
      const dataplane = await start(0);
      const boxes = Array.from({ length: 4 }, (_, index) => world.startContainer(`box${index}`));
      const live = new Map<string, Mac>();
      const stations = new Set<Ipv4>();
      await dataplane.apply(forwarding(0, []));
      for (let change = 0; change < 1000; change += 1) {
        const box = boxes[(change * 7) % 4] as WorldContainer;
        const address = ip(`10.0.0.${100 + (change % 13)}`);
        const remote = ip(`10.0.1.${(change * 11) % 200}`);
        if (change % 3 === 0) {
          await dataplane.unplumb('mesh', box.container);
          live.delete(box.container);
        } else {
          expect(await dataplane.plumb(attachment(box, address))).toEqual(done);
          live.set(box.container, mac(address));
        }
        if (!stations.delete(remote)) stations.add(remote);
        await dataplane.apply(forwarding(0, [...stations].sort()));
      }
      const { forwarding: found, attachments } = await dataplane.inspect();
      expect(new Map(attachments.map(({ container, mac: of }) => [container, of]))).toEqual(live);
      expect(found).toEqual(forwarding(0, [...stations].sort()));
      expect(await dataplane.audit()).toEqual([]);
    });

    describe('the leg of the host itself', () => {
      const GATE = ip('10.0.0.99');
      const leg = (change: Partial<Attachment> = {}): Attachment => {
        const { container } = world.hosts[0].self;
        const of = attachment({ ...world.hosts[0].self, end: () => {} }, GATE, { device: 'mesh', ...change });
        return { masqueraded: of.addresses, ...of, container, sandbox: HOST_SANDBOX };
      };
      const gate: Station = { address: GATE, mac: mac(GATE), vtep: { address: ip('0.0.0.0'), port: 0 } };

      test('reaches containers here and elsewhere, and they reach it', async () => {
        const [here, there] = await startBoth();
        await here.apply(forwarding(0, [B]));
        const stations = [station(0, A), { ...gate, vtep: world.hosts[0].vtep }];
        await there.apply(forwarding(1, [], { stations, flood: [world.hosts[0].vtep] }));
        const [box, other] = [world.startContainer('box'), world.startContainer('other')];
        expect(await here.plumb(leg())).toEqual(done);
        expect(await here.plumb(attachment(box, A))).toEqual(done);
        expect(await there.plumb(attachment(other, B))).toEqual(done);
        const { self } = world.hosts[0];
        expect(self.show('mesh')).toEqual({ mac: mac(GATE), mtu: 1450, addresses: [`${GATE}/24`] });
        for (const address of [A, B]) expect(await world.reaches(self, address)).toBe(true);
        for (const container of [box, other]) expect(await world.reaches(container, GATE)).toBe(true);
        expect((await here.inspect()).attachments).toContainEqual({
          network: 'mesh',
          container: HOST_LEG,
          mac: mac(GATE),
        });
        expect(await here.audit()).toEqual([]);
        await here.apply(forwarding(0, [B], { mtu: 1376 }));
        expect(self.show('mesh').mtu).toBe(1376);
      });

      test('is adopted, changes its addresses, and goes without a trace', async () => {
        const first = await start(0);
        await first.apply(forwarding(0, []));
        const { self, traces } = { self: world.hosts[0].self, traces: () => world.hosts[0].traces() };
        const [before, interfaces] = [traces(), self.interfaces()];
        expect(await first.plumb(leg())).toEqual(done);
        const raised = traces();
        await first.close();
        const second = await start(0);
        expect(await second.plumb(leg())).toEqual(done);
        await second.apply(forwarding(0, []));
        expect(await second.audit()).toEqual([]);
        expect(traces()).toBe(raised);
        const addresses = [
          { address: GATE, prefix: 24 },
          { address: ip('10.1.0.99'), prefix: 16 },
        ];
        expect(await second.plumb(leg({ addresses, masqueraded: [] }))).toEqual(done);
        expect(self.show('mesh').addresses).toEqual(['10.0.0.99/24', '10.1.0.99/16']);
        await second.unplumb('mesh', HOST_LEG);
        expect(self.interfaces()).toEqual(interfaces);
        expect(traces()).toBe(before);
        await second.unplumb('mesh', HOST_LEG);
      });

      test('is refused beside a foreign interface of its name, and what the host reaches otherwise', async () => {
        const dataplane = await start(0);
        await dataplane.apply(forwarding(0, []));
        const { vtep, self } = world.hosts[0];
        self.addInterface('mesh');
        const before = world.hosts[0].traces();
        const addresses = [{ address: ip('192.168.48.99'), prefix: 24 }];
        expect(await dataplane.plumb(leg({ addresses, masqueraded: addresses }))).toEqual({
          ok: false,
          problem: {
            code: 'host-subnet-taken',
            value: '192.168.48.99/24',
            other: `${vtep.address}/24 (eth0)`,
          },
        });
        expect(await dataplane.plumb(leg())).toEqual({
          ok: false,
          problem: { code: 'host-interface-taken', name: 'mesh' },
        });
        expect(world.hosts[0].traces()).toBe(before);
      });
    });

    test('probe asks the kernel of the other host', async () => {
      const [here, there] = await startBoth();
      await here.apply(forwarding(0, []));
      await there.apply(forwarding(1, []));
      await answered(here, ip('10.200.0.2'), 1450);
      expect(await here.probe(ip('10.200.0.2'), 1451)).toMatchObject({ alive: false });
      expect(await here.probe(ip('10.200.0.3'), 100)).toMatchObject({ alive: false });
    });

    test('probe asks around the tables where it is told to', async () => {
      const [here, there] = await startBoth();
      const { vtep } = world.hosts[1];
      const astray = { ...vtep, address: ip('192.168.48.99') };
      const wanted = forwarding(0, []);
      const networks = wanted.networks.map(network => ({
        ...network,
        stations: network.stations.map(each => ({ ...each, vtep: astray })),
      }));
      await here.apply({ ...wanted, networks });
      await there.apply(forwarding(1, []));
      expect(await here.probe(ip('10.200.0.2'), 96)).toMatchObject({ alive: false });
      await answered(here, ip('10.200.0.2'), 96, vtep);
      expect(await here.probe(ip('10.200.0.2'), 96, astray)).toMatchObject({ alive: false });
      expect(await here.probe(ip('10.200.0.3'), 96, vtep)).toMatchObject({ alive: false });
    });

    test('traffic tells where frames of containers went, and nothing of echoes', async () => {
      const [here, there] = await startBoth();
      const [box, other] = [world.startContainer('box'), world.startContainer('other')];
      await here.apply(forwarding(0, [B]));
      await there.apply(forwarding(1, [A]));
      await here.plumb(attachment(box, A));
      await there.plumb(attachment(other, B));
      await answered(here, ip('10.200.0.2'), 96);
      expect(await here.traffic()).toEqual([]);
      // What passes within a tick of the kernel's clock after an entry was set can't be told from the setting.
      const told = async () => {
        expect(await world.reaches(box, B)).toBe(true);
        const used = await here.traffic();
        return used.length > 0 ? used : undefined;
      };
      expect(await until(told, () => 'no traffic is told')).toEqual([world.hosts[1].vtep]);
    });

    test('remove leaves everything as it was before start', async () => {
      const before = world.hosts[0].traces();
      const dataplane = await start(0);
      const box = world.startContainer('box');
      const interfaces = box.interfaces();
      await dataplane.apply(forwarding(0, [B]));
      await dataplane.plumb(attachment(box, A));
      await dataplane.remove();
      expect(world.hosts[0].traces()).toBe(before);
      expect(box.interfaces()).toEqual(interfaces);
      // By a data plane that never started, on what a killed router left.
      const killed = await start(0);
      await killed.apply(forwarding(0, [B]));
      await killed.plumb(attachment(box, A));
      await killed.close();
      const remover = world.hosts[0].open();
      await remover.remove();
      await remover.remove();
      expect(world.hosts[0].traces()).toBe(before);
      expect(box.interfaces()).toEqual(interfaces);
    });
  });
}
