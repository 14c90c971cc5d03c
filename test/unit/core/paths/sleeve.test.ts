import { describe, expect, it } from 'vitest';
import type { SleeveFact } from '../../../../src/core/topology/facts.ts';
import { createVirtualMesh, type VirtualHost, type VirtualMesh } from '../../../support/virtual-mesh.ts';
import { traffic } from '../../../support/virtual-traffic.ts';

const KEY = `${'A'.repeat(42)}E=`;
const CARRIES: SleeveFact = { port: 6783, whole: true, only: false, key: KEY };
const ONLY: SleeveFact = { ...CARRIES, only: true };

function mesh(...sleeves: readonly (SleeveFact | undefined)[]): VirtualMesh {
  const made = createVirtualMesh({ seed: 1, sleeves });
  for (const _ of sleeves) made.add(made.hosts.slice(0, 1));
  made.run(15_000);
  return made;
}

const path = (of: VirtualMesh, from: VirtualHost, to: VirtualHost) =>
  from.host.report(of.now).paths.find(({ peer }) => peer.id === to.peer)!;

function dropVxlan(made: VirtualMesh, a: VirtualHost, b: VirtualHost): void {
  made.limit(a, b, 0);
  made.limit(b, a, 0);
}

describe('the way through the routers', () => {
  it('is not taken where another works', () => {
    const made = mesh(CARRIES, CARRIES);
    const [a, b] = made.hosts as [VirtualHost, VirtualHost];
    expect(path(made, a, b)).toMatchObject({ path: 'fastdp', why: undefined });
    expect(a.host.forwarding().sleeves).toHaveLength(1);
  });

  it('is taken within five seconds where VXLAN is dropped and nobody relays, and left ten after that ends', () => {
    const made = mesh(CARRIES, CARRIES);
    const [a, b] = made.hosts as [VirtualHost, VirtualHost];
    traffic(made, 5_000, [[a, b]]);
    dropVxlan(made, a, b);
    traffic(made, 5_000, [[a, b]]);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      expect(path(made, from, to)).toMatchObject({
        path: 'sleeve',
        relay: undefined,
        mtu: 1_450,
        why: 'the direct way does not answer',
      });
    traffic(made, 60_000, [[a, b]]);
    expect(path(made, a, b).path).toBe('sleeve');
    made.heal();
    traffic(made, 13_000, [[a, b]]);
    expect(path(made, a, b)).toMatchObject({ path: 'fastdp', why: undefined });
  });

  it('is left for a relay, and taken when that dies', () => {
    const made = mesh(CARRIES, CARRIES, CARRIES);
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    dropVxlan(made, a, c);
    traffic(made, 5_000, [[a, c]]);
    expect(path(made, a, c)).toMatchObject({ path: 'relay', relay: { id: b.peer } });
    dropVxlan(made, b, c);
    traffic(made, 8_000, [[a, c]]);
    expect(path(made, a, c)).toMatchObject({ path: 'sleeve', relay: undefined });
    made.heal();
    dropVxlan(made, a, c);
    traffic(made, 320_000, [[a, c]]);
    expect(path(made, a, c)).toMatchObject({ path: 'relay', relay: { id: b.peer } });
  });

  it('is the only one of a host that sends no VXLAN, and nobody relays to it', () => {
    const made = mesh(ONLY, CARRIES, CARRIES);
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    expect(path(made, a, b)).toMatchObject({
      path: 'sleeve',
      why: 'this host was launched with --no-fastdp',
    });
    expect(path(made, b, a)).toMatchObject({ path: 'sleeve', why: 'it was launched with --no-fastdp' });
    expect(path(made, b, c).path).toBe('fastdp');
    expect(b.host.forwarding().relays).toHaveLength(1);
    expect(b.host.forwarding().peers).not.toContain(a.address.split(':')[0]);
  });

  it('goes on when a router starts again', () => {
    const made = mesh(CARRIES, CARRIES);
    const [a, b] = made.hosts as [VirtualHost, VirtualHost];
    dropVxlan(made, a, b);
    traffic(made, 10_000, [[a, b]]);
    made.restart(a);
    traffic(made, 5_000, [[a, b]]);
    expect(path(made, a, b).path).toBe('sleeve');
    expect(path(made, b, a).path).toBe('sleeve');
  });

  it('is none where the other has an earlier version', () => {
    const made = mesh(CARRIES, undefined);
    const [a, b] = made.hosts as [VirtualHost, VirtualHost];
    expect(path(made, a, b).path).toBe('fastdp');
    dropVxlan(made, a, b);
    made.run(60_000);
    expect(path(made, a, b).path).toBeUndefined();
  });
});
