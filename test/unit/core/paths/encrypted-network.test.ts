import { describe, expect, it } from 'vitest';
import { isSleeveAddress, isTunnelAddress } from '../../../../src/core/forwarding.ts';
import type { Encryption, SleeveFact } from '../../../../src/core/topology/facts.ts';
import { ask, attachTo, cidr, ipam } from '../../../support/address-mesh.ts';
import { createVirtualMesh, type VirtualHost, type VirtualMesh } from '../../../support/virtual-mesh.ts';

const KEY = `${'A'.repeat(42)}E=`;
const CARRIES: SleeveFact = { port: 6783, whole: true, only: false, key: KEY };
const SECRET = { name: 'secret', subnets: [cidr('10.40.0.0/16')], encrypted: true };

interface Parts {
  readonly sleeves: readonly (SleeveFact | undefined)[];
  readonly encryption?: readonly Encryption[];
}

function mesh(parts: Parts): VirtualMesh {
  const universe = { universe: cidr('10.32.0.0/12'), defaultSubnet: cidr('10.32.0.0/13') };
  const made = createVirtualMesh({ seed: 1, ipam: ipam(universe), ...parts });
  for (const _ of parts.sleeves) made.add(made.hosts.slice(0, 1));
  made.run(15_000);
  return made;
}

/** To which addresses frames of a network are sent. */
function sentTo({ host }: VirtualHost, network: string): readonly string[] {
  const { flood = [], stations = [] } = host.forwarding().networks.find(({ name }) => name === network) ?? {};
  return [...new Set([...flood, ...stations.map(({ vtep }) => vtep)].map(({ address }) => address))];
}

describe('an encrypted network', () => {
  it('goes through the routers, and not at all to who can not decrypt, where others go as they are', () => {
    const made = mesh({ sleeves: [CARRIES, CARRIES, undefined] });
    const [a, b, c] = made.hosts as [VirtualHost, VirtualHost, VirtualHost];
    expect(ask(made, c, { kind: 'create-network', network: SECRET })).toEqual({
      ok: false,
      problem: { code: 'network-not-sealed', network: 'secret' },
    });
    expect(ask(made, a, { kind: 'create-network', network: SECRET }).ok).toBe(true);
    made.run(1_000);
    for (const host of [a, b, c])
      for (const network of ['secret', 'mesh']) attachTo(made, host, network, `${network}-box`);
    made.run(2_000);
    expect(sentTo(a, 'secret')).toHaveLength(1);
    expect(sentTo(a, 'secret').every(address => isSleeveAddress(address as never))).toBe(true);
    expect(sentTo(a, 'mesh')).toHaveLength(2);
    expect(sentTo(a, 'mesh').some(address => isTunnelAddress(address as never))).toBe(false);
    expect(sentTo(c, 'secret')).toEqual([]);
    expect(a.host.forwarding().networks.map(({ name, encrypted }) => [name, encrypted])).toEqual([
      ['control', undefined],
      ['mesh', undefined],
      ['secret', true],
    ]);
  });

  it('is as any other where all is encrypted, and goes through the routers between hosts that trust', () => {
    const encrypts = (number: number, trusts: readonly string[]): Encryption => ({
      key: Buffer.alloc(32, number).toString('base64'),
      port: 6784,
      trusts,
    });
    for (const [trusts, isSleeve] of [
      [[], false],
      [['0.0.0.0/0'], true],
    ] as const) {
      const made = mesh({
        sleeves: [CARRIES, CARRIES],
        encryption: [encrypts(1, trusts), encrypts(2, trusts)],
      });
      const [a, b] = made.hosts as [VirtualHost, VirtualHost];
      ask(made, a, { kind: 'create-network', network: SECRET });
      made.run(1_000);
      attachTo(made, b, 'secret', 'box');
      made.run(2_000);
      const [address] = sentTo(a, 'secret');
      expect(isTunnelAddress(address as never)).toBe(true);
      expect(isSleeveAddress(address as never)).toBe(isSleeve);
    }
  });

  it('is another than one of its name that is not', () => {
    const made = mesh({ sleeves: [CARRIES] });
    const [a] = made.hosts as [VirtualHost];
    ask(made, a, { kind: 'create-network', network: SECRET });
    const open = { name: SECRET.name, subnets: SECRET.subnets };
    expect(ask(made, a, { kind: 'create-network', network: open })).toMatchObject({
      problem: { code: 'network-exists' },
    });
    expect(ask(made, a, { kind: 'create-network', network: SECRET }).ok).toBe(true);
  });
});
