import { describe, expect, it } from 'vitest';
import type { Ipv4 } from '../../../src/core/address.ts';
import type { EndpointCommand } from '../../../src/core/host/handed.ts';
import { allocate, ask, attach, cidr, claim, three } from '../../support/address-mesh.ts';

const POOL = cidr('10.32.0.0/24');
const ONE = 'a1'.repeat(32);
const TWO = 'b2'.repeat(32);
const ENDPOINT = 'e'.repeat(64);

function stage() {
  const { mesh, a } = three();
  a.running.set(ONE, '/run/netns/one');
  const told = (command: EndpointCommand): string => {
    const result = ask(mesh, a, command);
    return result.ok ? (result.value.addresses[0] ?? '') : result.problem.code;
  };
  return {
    mesh,
    a,
    reserve: (address: string) =>
      told({ kind: 'reserve-address', subnet: POOL, address: address as Ipv4, gateway: false }),
    create: (address: string, container?: string) =>
      told({
        kind: 'create-endpoint',
        endpoint: ENDPOINT,
        address: cidr(`${address}/24`),
        mac: undefined,
        container,
      }),
    /** As an engine ends a container. */
    end(address: string) {
      told({ kind: 'delete-endpoint', endpoint: ENDPOINT });
      told({ kind: 'return-address', address: address as Ipv4 });
    },
    owners: () => a.host.allocations.map(({ cidr: { address }, owner }) => `${address} ${owner}`),
  };
}

describe('an address that is reserved for a container', () => {
  it('is what its endpoints get, and stays its own between them', () => {
    const { mesh, a, create, end, owners, reserve } = stage();
    const address = allocate(mesh, a, ONE);
    for (let start = 0; start < 2; start += 1) {
      expect(owners()).toEqual([`${address} ${ONE}`]);
      expect(reserve(address)).toBe(address);
      expect(create(address, ONE)).toBe(address);
      expect(owners()).toEqual([`${address} endpoint:${ENDPOINT}`]);
      expect(claim(mesh, a, TWO, `${address}/24`)).toBe('address-taken');
      end(address);
    }
    expect(owners()).toEqual([`${address} ${ONE}`]);
  });

  it("is no other container's endpoint's", () => {
    const { mesh, a, create, end, owners, reserve } = stage();
    const address = allocate(mesh, a, ONE);
    expect(reserve(address)).toBe(address);
    expect(create(address, TWO)).toBe('address-taken');
    expect(create(address)).toBe('address-taken');
    end(address);
    expect(owners()).toEqual([`${address} ${ONE}`]);
  });

  it('is free when the container is removed, before its endpoint or after', () => {
    const { mesh, a, create, end, owners, reserve } = stage();
    const address = allocate(mesh, a, ONE);
    mesh.deliver(a, { kind: 'container-removed', id: ONE });
    expect(owners()).toEqual([]);
    expect(allocate(mesh, a, ONE)).toBe(address);
    reserve(address);
    create(address, ONE);
    mesh.deliver(a, { kind: 'container-removed', id: ONE });
    end(address);
    expect(owners()).toEqual([]);
  });

  it("is anybody's again when it is released, for an endpoint of no known container too", () => {
    const { mesh, a, create, end, owners, reserve } = stage();
    const address = allocate(mesh, a, ONE);
    reserve(address);
    create(address, ONE);
    const release = { kind: 'release', owner: ONE, addresses: [address as Ipv4] } as const;
    // While an endpoint has it, it is that one's.
    expect(ask(mesh, a, release)).toMatchObject({ problem: { code: 'address-unallocated' } });
    end(address);
    expect(ask(mesh, a, release)).toMatchObject({ ok: true });
    expect(owners()).toEqual([]);
    mesh.restart(a);
    mesh.run(5_000);
    expect(reserve(address)).toBe(address);
    expect(create(address)).toBe(address);
    end(address);
    expect(owners()).toEqual([]);
  });

  it('outlives the router, which then looks whether the container does', () => {
    const { mesh, a, create, end, owners, reserve } = stage();
    const address = allocate(mesh, a, ONE);
    reserve(address);
    create(address, ONE);
    mesh.restart(a);
    mesh.run(5_000);
    end(address);
    expect(owners()).toEqual([`${address} ${ONE}`]);
  });

  it('is not that of a container that is attached with it', () => {
    const { mesh, a, reserve } = stage();
    const address = attach(mesh, a, ONE);
    expect(reserve(address)).toBe('address-taken');
  });
});
