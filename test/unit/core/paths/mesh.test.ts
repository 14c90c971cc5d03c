import { describe, expect, it } from 'vitest';
import { createVirtualMesh, type VirtualHost, type VirtualMesh } from '../../../support/virtual-mesh.ts';
import { traffic } from '../../../support/virtual-traffic.ts';

const mesh = (size: number, dataLoss = 0): VirtualMesh => {
  const made = createVirtualMesh({ seed: 1, dataLoss });
  for (let host = 0; host < size; host += 1) made.add(made.hosts.slice(0, 1));
  made.run(15_000);
  return made;
};

const path = (of: VirtualMesh, from: VirtualHost, to: VirtualHost) =>
  from.host.report(of.now).paths.find(({ peer }) => peer.id === to.peer)!;

describe('paths of a mesh', () => {
  it('go straight, full-sized, and every neighbour is offered', () => {
    const made = mesh(3);
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    expect(path(made, a, c)).toMatchObject({ path: 'fastdp', mtu: 1450, why: undefined, relay: undefined });
    expect(b.host.forwarding().relays?.length).toBe(2);
    expect(new Set(b.host.forwarding().relays?.map(({ port }) => port)).size).toBe(2);
  });

  it('go by a relay within five seconds when frames are dropped, one way or both, and straight again after ten', () => {
    for (const isBothWays of [true, false]) {
      const made = mesh(3);
      const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
      traffic(made, 5_000, [[a, c]]);
      made.limit(a, c, 0);
      if (isBothWays) made.limit(c, a, 0);
      traffic(made, 5_000, [[a, c]]);
      expect(path(made, a, c)).toMatchObject({ path: 'relay', relay: { id: b.peer } });
      expect(path(made, a, c).why).toMatch(/direct way/);
      traffic(made, 20_000, [[a, c]]);
      expect(path(made, a, c)).toMatchObject({ path: 'relay', mtu: 1450 });
      // What still gets there straight goes straight.
      expect(path(made, c, a).path).toBe(isBothWays ? 'relay' : 'fastdp');
      made.heal();
      traffic(made, 13_000, [[a, c]]);
      expect(path(made, a, c)).toMatchObject({ path: 'fastdp', why: undefined });
      expect(path(made, c, a).path).toBe('fastdp');
    }
  });

  it('reach a host without a route to it, and go on so after a restart', () => {
    const made = mesh(3);
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    made.cut(a, c);
    made.run(60_000);
    expect(path(made, a, c)).toMatchObject({ path: 'relay', relay: { id: b.peer }, mtu: 1450 });
    made.restart(a);
    expect(a.host.forwarding().networks[0]!.stations.some(({ vtep }) => vtep.port !== 6784)).toBe(true);
    made.run(10_000);
    expect(path(made, a, c)).toMatchObject({ path: 'relay', mtu: 1450 });
    made.restart(b);
    expect(b.host.forwarding().relays?.length).toBe(2);
  });

  it('lose nothing by a relay whose router starts again, nor where one of the ends does', () => {
    for (const who of [0, 1, 2]) {
      const made = mesh(3);
      const [a, , c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
      made.cut(a, c);
      made.run(60_000);
      expect(path(made, a, c).path).toBe('relay');
      made.restart(made.hosts[who]!);
      for (const end = made.now + 60_000; made.now < end; made.run(10)) {
        if (!made.reaches(a, c))
          expect.fail(`${made.now - end + 60_000} ms after the restart of host ${who + 1}`);
      }
      made.heal();
      made.run(12_000);
      expect(path(made, a, c)).toMatchObject({ path: 'fastdp', mtu: 1450 });
    }
  });

  it('take another relay within five seconds when one dies', () => {
    const made = mesh(4);
    const [a, b, c, d] = made.hosts as [VirtualHost, VirtualHost, VirtualHost, VirtualHost];
    made.cut(a, c);
    traffic(made, 60_000, [[a, c]]);
    const first = path(made, a, c).relay?.id === b.peer ? b : d;
    const second = first === b ? d : b;
    for (const other of made.hosts) if (other !== first) made.cut(first, other);
    traffic(made, 5_000, [[a, c]]);
    expect(path(made, a, c)).toMatchObject({ path: 'relay', relay: { id: second.peer } });
    traffic(made, 2_000, [[a, c]]);
    expect(path(made, a, c).mtu).toBe(1450);
  });

  it('find within 35 seconds that large packets are dropped, and all of the mesh keeps to it', () => {
    const made = mesh(3);
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    traffic(made, 60_000, [[a, c]]);
    made.limit(a, c, 700);
    traffic(made, 35_000, [[a, c]]);
    for (const [from, to] of [
      [a, c],
      [c, a],
    ] as const) {
      expect(path(made, from, to).mtu).toBeGreaterThan(680);
      expect(path(made, from, to).mtu).toBeLessThanOrEqual(700);
      expect(from.host.report(made.now).networks[0]!.mtu).toBe(path(made, from, to).mtu);
    }
    // Who has good paths, but to one that has not: what it sends there must fit, too.
    expect(path(made, b, a).mtu).toBe(1450);
    expect(b.host.report(made.now).networks[0]!.mtu).toBeLessThanOrEqual(700);
    made.heal();
    traffic(made, 35_000, [[a, c]]);
    expect(path(made, a, c).mtu).toBe(1450);
    for (const { host } of made.hosts) expect(host.report(made.now).networks[0]!.mtu).toBe(1450);
  });

  it('are left alone where they lose a tenth', () => {
    const made = mesh(3, 0.1);
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    traffic(made, 2 * 3_600_000, [
      [a, c],
      [a, b],
    ]);
    const rerouted = made.hosts.flatMap(({ logs }) =>
      logs.filter(({ message }) => message.startsWith('frames go')),
    );
    expect(rerouted).toEqual([]);
    expect(path(made, a, c)).toMatchObject({ path: 'fastdp', mtu: 1450 });
    expect(path(made, a, c).loss).toBeGreaterThan(0.05);
  });

  it('are asked every second where something flows, else every 30 s', () => {
    const made = mesh(3);
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    const asked = (): readonly string[] => made.probes.splice(0).map(({ from, to }) => `${from}${to}`);
    asked();
    traffic(made, 60_000, [[a, c]]);
    const pairs = asked();
    const count = (from: VirtualHost, to: VirtualHost): number =>
      pairs.filter(pair => pair === from.peer + to.peer).length;
    expect(count(a, c)).toBeGreaterThanOrEqual(60);
    expect(count(a, c)).toBeLessThan(70);
    expect(count(a, b)).toBeLessThanOrEqual(5);
  });
});
