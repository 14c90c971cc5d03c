import { describe, expect, it } from 'vitest';
import type { PeerId } from '../../../../src/core/address.ts';
import { isTunnelAddress } from '../../../../src/core/forwarding.ts';
import type { Encryption } from '../../../../src/core/topology/facts.ts';
import { createVirtualMesh, type VirtualHost, type VirtualMesh } from '../../../support/virtual-mesh.ts';

const key = (number: number): string => Buffer.alloc(32, number).toString('base64');
const encrypts = (number: number, more: Partial<Encryption> = {}): Encryption => ({
  ...{ key: key(number), port: 6784, trusts: [] },
  ...more,
});

function mesh(...encryption: readonly (Encryption | undefined)[]): VirtualMesh {
  const made = createVirtualMesh({ seed: 1, encryption });
  for (const _ of encryption) made.add(made.hosts.slice(0, 1));
  made.run(15_000);
  return made;
}

const path = (of: VirtualMesh, from: VirtualHost, to: VirtualHost) =>
  from.host.report(of.now).paths.find(({ peer }) => peer.id === to.peer)!;

/** To which addresses anything at all would be sent, on any network. */
const sentTo = ({ host }: VirtualHost): readonly string[] =>
  host
    .forwarding()
    .networks.flatMap(({ flood, stations }) =>
      [...flood, ...stations.map(({ vtep }) => vtep)].map(({ address }) => address),
    );

function attach(made: VirtualMesh, host: VirtualHost, address: string): void {
  const id = `box${address}`;
  host.running.set(id, id);
  made.command(host, {
    kind: 'attach',
    container: { id, name: id, sandbox: id },
    network: 'mesh',
    addresses: [{ address: address as never, prefix: 16 }],
  });
  made.run(1_000);
}

describe('a mesh whose hosts encrypt', () => {
  it('sends into tunnels only, with less room in each packet, and without relays', () => {
    const made = mesh(encrypts(1), encrypts(2), encrypts(3));
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    attach(made, c, '10.0.0.3');
    expect(path(made, a, b)).toMatchObject({
      path: 'fastdp',
      mtu: 1_390,
      protection: 'encrypted',
      why: undefined,
    });
    expect(sentTo(a)).toHaveLength(4);
    expect(sentTo(a).filter(address => !isTunnelAddress(address as never))).toEqual([]);
    expect(
      a.host
        .forwarding()
        .tunnels?.map(tunnel => [tunnel.key, tunnel.endpoint.address])
        .sort(),
    ).toEqual([b, c].map((host, index) => [key(index + 2), host.address.split(':')[0]]));
    made.limit(a, b, 0);
    made.run(60_000);
    expect(path(made, a, b)).toMatchObject({ path: undefined, relay: undefined });
  });

  it('sends nothing where a kernel can not encrypt, and all again once it can', () => {
    const made = mesh(encrypts(1), encrypts(2));
    const [a, b] = made.hosts as [VirtualHost, VirtualHost];
    attach(made, b, '10.0.0.2');
    expect(made.reaches(a, b)).toBe(true);
    made.deliver(b, { kind: 'tunnels', port: undefined });
    made.run(5_000);
    for (const [from, to, whose] of [
      [a, b, 'its'],
      [b, a, 'this'],
    ] as const) {
      const why = `${whose} kernel has no WireGuard: nothing is sent unprotected`;
      expect(path(made, from, to)).toMatchObject({ path: undefined, protection: 'refused', why });
      expect([sentTo(from), from.host.forwarding().tunnels, from.host.forwarding().peers]).toEqual([
        [],
        [],
        [],
      ]);
    }
    made.deliver(b, { kind: 'tunnels', port: 6784 });
    made.run(3_000);
    expect(path(made, a, b)).toMatchObject({ path: 'fastdp', protection: 'encrypted' });
    expect(made.reaches(b, a)).toBe(true);
  });

  it('hears at its data port those only whom it sends plain, where it has another for the rest', () => {
    const trusts = (number: number, subnet: string): Encryption =>
      encrypts(number, { port: 6783, trusts: [subnet] });
    const made = mesh(trusts(1, '192.168.0.0/24'), trusts(2, '192.168.0.1/32'), encrypts(3));
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    expect(path(made, a, b)).toMatchObject({ mtu: 1_450, protection: 'trusted' });
    expect(path(made, a, c)).toMatchObject({ mtu: 1_390, protection: 'encrypted' });
    expect(a.host.forwarding().peers).toEqual([b.address.split(':')[0]]);
    expect(b.host.forwarding().peers).toEqual([a.address.split(':')[0]]);
    expect(c.host.forwarding().peers).toHaveLength(2);
  });

  it('sends nothing to a peer that tells of no key, whatever else that says', () => {
    const made = mesh(encrypts(1), undefined);
    const [a, b] = made.hosts as [VirtualHost, VirtualHost];
    expect(path(made, a, b)).toMatchObject({ protection: 'refused' });
    expect([sentTo(a), sentTo(b)]).toEqual([[], []]);
    expect(a.host.report(made.now).peers.map(({ id }) => id)).toContain('peer-0002' as PeerId);
  });
});
