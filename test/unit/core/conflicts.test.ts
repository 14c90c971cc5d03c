import { describe, expect, it } from 'vitest';
import { allocate, ask, attach, cidr, three } from '../../support/address-mesh.ts';
import type { VirtualHost, VirtualMesh } from '../../support/virtual-mesh.ts';

const CONTESTED = 'two containers claim one address';
const contested = (host: VirtualHost) => host.logs.filter(({ message }) => message === CONTESTED);
const has = (host: VirtualHost, name: string) => host.plumbed.get(`mesh/${name}`)?.addresses ?? [];

/** Runs until `host` and one of the others have met again. */
function meet(mesh: VirtualMesh, host: VirtualHost): void {
  mesh.heal();
  mesh.until(() => host.host.report(mesh.now).connections.some(({ state }) => state === 'established'));
}

/** Removes `a`, which lives on in a partition; what its container has is given to one of `b` by then. */
function removedAndTaken() {
  const { mesh, a, b, c } = three({ quarantineMs: 1_000 });
  expect(attach(mesh, a, 'box1')).toBe('10.32.0.1');
  expect(allocate(mesh, b, 'other')).toMatch(/^10\.32\.0\./);
  mesh.cut(a, b);
  mesh.cut(a, c);
  mesh.run(30_000);
  mesh.command(b, { kind: 'remove-peer', peer: a.peer, force: true });
  mesh.run(2_000);
  expect(attach(mesh, b, 'box2', '10.32.0.1/24')).toBe('10.32.0.1');
  return { mesh, a, b, c };
}

describe('a removed peer that returns to find the address of its container taken', () => {
  it('is told within a second, as is who took it; traffic stays where it was', () => {
    const { mesh, a, b, c } = removedAndTaken();
    meet(mesh, a);
    mesh.run(1_000);
    const data = {
      address: '10.32.0.1',
      keeps: 'box2 on host2',
      lost: ['box1 on host1'],
    };
    expect(contested(a).map(log => log.data)).toEqual([{ ...data, cure: '"mesh ipam repair" on this host' }]);
    expect(contested(b).map(log => log.data)).toEqual([{ ...data, cure: '"mesh ipam repair" on host1' }]);
    expect(contested(c)).toEqual([]);
    expect(has(a, 'box1')).toEqual([]);
    expect(has(b, 'box2')).toEqual([cidr('10.32.0.1/24')]);
    for (const host of [a, b, c]) {
      const shown = host.host.report(mesh.now).endpoints.filter(({ address }) => address === '10.32.0.1');
      expect(shown.map(({ containerName, conflict }) => [containerName, conflict?.containerName])).toEqual([
        ['box2', undefined],
        ['box1', 'box2'],
      ]);
    }
  });
});

describe('repair', () => {
  const repair = (mesh: VirtualMesh, host: VirtualHost, dryRun = false) => {
    const result = ask(mesh, host, { kind: 'repair', dryRun });
    if (!result.ok) throw new Error(result.problem.code);
    return result.value.repaired!.map(({ containerName, before, after, problem }) =>
      [containerName, before.address, after?.address ?? problem?.code].join(' '),
    );
  };

  it('gives the container that lost its address another, and leaves the one that has it alone', () => {
    const { mesh, a, b } = removedAndTaken();
    meet(mesh, a);
    mesh.run(5_000);
    const plumbed = b.plumbed.get('mesh/box2');
    expect(repair(mesh, b)).toEqual([]);
    expect(repair(mesh, a, true)).toEqual(['box1 10.32.0.1 ']);
    expect(has(a, 'box1')).toEqual([]);
    const [line] = repair(mesh, a);
    expect(line).toMatch(/^box1 10\.32\.0\.1 10\.32\.0\.\d+$/);
    expect(repair(mesh, a)).toEqual([]);
    mesh.run(1_000);
    const address = line!.split(' ')[2]!;
    expect(has(a, 'box1').map(cidr => cidr.address)).toEqual([address]);
    expect(a.plumbed.get('mesh/box1')?.mac).not.toBe(plumbed?.mac);
    expect(b.plumbed.get('mesh/box2')).toBe(plumbed);
    expect(a.host.allocatedTo('box1').map(cidr => cidr.address)).toEqual([address]);
    expect(a.host.report(mesh.now).endpoints.filter(({ conflict }) => conflict !== undefined)).toEqual([]);
    expect(mesh.agreed()).toBe(true);
    expect(a.logs.at(-1)?.message).toBe('address is no longer contested');
    mesh.restart(a);
    mesh.run(10_000);
    expect(has(a, 'box1').map(cidr => cidr.address)).toEqual([address]);
  });

  it('keeps the claim where no other address is to be had', () => {
    const { mesh, a } = removedAndTaken();
    expect(attach(mesh, a, 'box3', '10.0.0.3/24')).toBe('10.0.0.3');
    const b = mesh.hosts[1]!;
    expect(attach(mesh, b, 'box4', '10.0.0.3/24')).toBe('10.0.0.3');
    meet(mesh, a);
    mesh.run(5_000);
    const lines = [...repair(mesh, a), ...repair(mesh, b)];
    expect(lines).toContainEqual(expect.stringMatching(/^box[34] 10\.0\.0\.3 subnet-outside$/));
    expect(lines).toContainEqual(expect.stringMatching(/^box1 10\.32\.0\.1 10\.32\.0\.\d+$/));
  });
});
