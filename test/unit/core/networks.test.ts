import { describe, expect, it } from 'vitest';
import { contains, type Ipv4 } from '../../../src/core/address.ts';
import type { NetworkWish } from '../../../src/core/host/networking.ts';
import type { Command } from '../../../src/core/host/step.ts';
import type { ZoneName } from '../../../src/core/names/name.ts';
import { freeSubnet } from '../../../src/core/networks/pool.ts';
import { ask, attachTo, cidr, ipam } from '../../support/address-mesh.ts';
import { createVirtualMesh, type VirtualHost, type VirtualMesh } from '../../support/virtual-mesh.ts';

const UNIVERSE = { universe: cidr('10.32.0.0/12'), defaultSubnet: cidr('10.32.0.0/13') };

function mesh(count: number) {
  const all = createVirtualMesh({ seed: 7, ipam: ipam(UNIVERSE) });
  const first = all.add();
  for (let index = 1; index < count; index += 1) all.add([first]);
  all.run(8_000);
  return { mesh: all, hosts: all.hosts };
}

const wish = (name: string, more: Partial<NetworkWish> = {}): NetworkWish => ({ name, subnets: [], ...more });

function create(all: VirtualMesh, host: VirtualHost, network: NetworkWish): string {
  const reply = ask(all, host, { kind: 'create-network', network });
  return reply.ok
    ? reply.value.network!.subnets.map(({ address, prefix }) => `${address}/${prefix}`).join()
    : reply.problem.code;
}

function remove(all: VirtualMesh, host: VirtualHost, network: string): string {
  const reply = ask(all, host, { kind: 'remove-network', network });
  return reply.ok ? 'removed' : reply.problem.code;
}

const namesOn = (all: VirtualMesh, host: VirtualHost): readonly string[] =>
  host.host.report(all.now).networks.map(({ name }) => name);

describe('a network that is made', () => {
  it('is there on every host, with one VNI and its subnet', () => {
    const { mesh: all, hosts } = mesh(3);
    expect(create(all, hosts[0]!, wish('prod', { subnets: [cidr('10.40.0.0/16')], mtu: 1200 }))).toBe(
      '10.40.0.0/16',
    );
    all.run(1_000);
    const reports = hosts.map(({ host }) =>
      host.report(all.now).networks.find(({ name }) => name === 'prod'),
    );
    expect(reports[0]).toMatchObject({ subnets: ['10.40.0.0/16'], mtu: 1200, endpoints: 0 });
    expect(reports).toEqual([reports[0], reports[0], reports[0]]);
    const told = hosts[2]!.networks.map(({ name }) => name);
    expect(told).toEqual(['mesh', 'prod']);
  });

  it('gets a subnet of its own outside of the default one, where none is named', () => {
    const { mesh: all, hosts } = mesh(2);
    const [a, b] = [create(all, hosts[0]!, wish('a')), create(all, hosts[1]!, wish('b'))];
    expect([a, b]).toEqual([
      expect.stringMatching(/^10\.4\d\.\d+\.0\/20$/),
      expect.stringMatching(/^10\.4\d\.\d+\.0\/20$/),
    ]);
    expect(a).not.toBe(b);
    all.run(1_000);
    expect(contains(cidr(a), attachTo(all, hosts[1]!, 'a', 'box') as Ipv4)).toBe(true);
  });

  it('may be asked for again as it is, and not otherwise', () => {
    const { mesh: all, hosts } = mesh(2);
    create(all, hosts[0]!, wish('prod', { subnets: [cidr('10.40.0.0/16')] }));
    all.run(1_000);
    expect(create(all, hosts[1]!, wish('prod'))).toBe('10.40.0.0/16');
    expect(create(all, hosts[1]!, wish('prod', { subnets: [cidr('10.41.0.0/16')] }))).toBe('network-exists');
    expect(create(all, hosts[1]!, wish('prod', { internal: true }))).toBe('network-exists');
  });

  it.each([
    ['has no name', wish(''), 'network-name'],
    ['has a name that is none', wish('a b'), 'network-name'],
    ['lies outside of the universe', wish('x', { subnets: [cidr('192.168.7.0/24')] }), 'subnet-outside'],
    ['is larger than the universe', wish('x', { subnets: [cidr('10.0.0.0/8')] }), 'subnet-outside'],
    ['has bits after its prefix', wish('x', { subnets: [cidr('10.40.0.1/16')] }), 'subnet-bits'],
    ['is too small', wish('x', { subnets: [cidr('10.40.0.0/31')] }), 'subnet-small'],
    ['overlaps with the default one', wish('x', { subnets: [cidr('10.39.0.0/16')] }), 'subnet-overlaps'],
    [
      'has a range that is not in it',
      wish('x', { subnets: [cidr('10.40.0.0/16')], range: cidr('10.41.0.0/24') }),
      'subnet-outside',
    ],
    [
      'has a gateway that is not in it',
      wish('x', { subnets: [cidr('10.40.0.0/16')], gateway: '10.41.0.1' as Ipv4 }),
      'subnet-outside',
    ],
    [
      'is the default one with another subnet',
      wish('mesh', { subnets: [cidr('10.40.0.0/16')] }),
      'network-exists',
    ],
  ])('is refused where it %s', (_, network, code) => {
    const { mesh: all, hosts } = mesh(1);
    expect(create(all, hosts[0]!, network)).toBe(code);
    expect(namesOn(all, hosts[0]!)).toEqual(['mesh']);
  });

  it('may not take a subnet in which something else has an address', () => {
    const { mesh: all, hosts } = mesh(2);
    expect(attachTo(all, hosts[0]!, 'mesh', 'box', '10.40.0.9/16')).toBe('10.40.0.9');
    all.run(1_000);
    expect(create(all, hosts[1]!, wish('x', { subnets: [cidr('10.40.0.0/16')] }))).toBe('subnet-used');
  });

  it("keeps back its service address, its gateway and what is somebody else's", () => {
    const { mesh: all, hosts } = mesh(1);
    const [host] = hosts;
    const aux = { router: '10.40.0.2' as Ipv4 };
    create(all, host!, wish('x', { subnets: [cidr('10.40.0.0/29')], gateway: '10.40.0.1' as Ipv4, aux }));
    expect(attachTo(all, host!, 'x', 'one')).toBe('10.40.0.3');
    for (const address of ['10.40.0.1/29', '10.40.0.2/29', '10.40.0.6/29', '10.40.0.7/29'])
      expect(attachTo(all, host!, 'x', 'two', address)).toBe('address-unusable');
    expect(attachTo(all, host!, 'mesh', 'two', '10.40.0.4/29')).toBe('address-of-network');
    expect(attachTo(all, host!, 'x', 'two', '10.32.0.4/13')).toBe('address-of-network');
    expect(attachTo(all, host!, 'x', 'two', '10.47.0.4/13')).toBe('subnet-outside');
  });

  it('gives addresses of its range, with the prefix of its subnet', () => {
    const { mesh: all, hosts } = mesh(1);
    create(all, hosts[0]!, wish('x', { subnets: [cidr('10.40.0.0/16')], range: cidr('10.40.8.0/24') }));
    expect(attachTo(all, hosts[0]!, 'x', 'one')).toBe('10.40.8.1');
    expect(hosts[0]!.host.report(all.now).endpoints[0]).toMatchObject({ network: 'x', prefix: 16 });
    expect(attachTo(all, hosts[0]!, 'x', 'two', '10.40.0.77/16')).toBe('10.40.0.77');
  });
});

describe('names', () => {
  const zone = (host: VirtualHost): readonly string[] => [...host.zone].map(entry => entry.join(' ')).sort();
  const called = (over: Partial<Extract<Command, { kind: 'name' | 'unname' }>>): Command => ({
    ...{ kind: 'name', network: 'mesh', container: undefined, addresses: [], ...over },
    names: [...(over.names ?? ['more' as ZoneName])],
  });

  it('are told with their network, one name on several as well', () => {
    const { mesh: all, hosts } = mesh(2);
    const [a, b] = hosts as [VirtualHost, VirtualHost];
    create(all, a, wish('prod', { subnets: [cidr('10.40.0.0/16')] }));
    all.run(1_000);
    attachTo(all, a, 'mesh', 'box', '10.32.0.9/13');
    attachTo(all, a, 'prod', 'box', '10.40.0.9/16');
    attachTo(all, b, 'prod', 'db', '10.40.0.8/16');
    all.run(1_000);
    for (const host of hosts)
      expect(zone(host)).toEqual(['box 10.32.0.9', 'box@prod 10.40.0.9', 'db@prod 10.40.0.8']);
    expect(b.host.lookup('box' as ZoneName)).toEqual(['10.32.0.9', '10.40.0.9']);
    all.deliver(a, { kind: 'container-removed', id: 'box' });
    all.run(1_000);
    for (const host of hosts) expect(zone(host)).toEqual(['db@prod 10.40.0.8']);
  });

  it('are given to a container on the network that is meant, and to an address where it lies', () => {
    const { mesh: all, hosts } = mesh(2);
    const [a, b] = hosts as [VirtualHost, VirtualHost];
    create(all, a, wish('prod', { subnets: [cidr('10.40.0.0/16')] }));
    all.run(1_000);
    attachTo(all, a, 'prod', 'db', '10.40.0.8/16');
    all.run(1_000);
    expect(ask(all, a, called({ container: 'db' }))).toMatchObject({ problem: { code: 'not-attached' } });
    expect(ask(all, a, called({ container: 'db', network: 'prod' })).ok).toBe(true);
    const addresses = ['10.40.0.8' as Ipv4];
    expect(ask(all, a, called({ addresses, names: ['bare' as ZoneName] })).ok).toBe(true);
    expect(ask(all, b, called({ addresses }))).toMatchObject({ problem: { code: 'name-elsewhere' } });
    all.run(1_000);
    const given = ['bare@prod 10.40.0.8', 'db@prod 10.40.0.8', 'more@prod 10.40.0.8'];
    for (const host of hosts) expect(zone(host)).toEqual(given);
  });
});

describe('a container on two networks', () => {
  it('is told of, with both, while it is on both', () => {
    const { mesh: all, hosts } = mesh(1);
    const [host] = hosts as [VirtualHost];
    create(all, host, wish('prod', { subnets: [cidr('10.40.0.0/16')] }));
    attachTo(all, host, 'mesh', 'alone');
    const [first, second] = [attachTo(all, host, 'mesh', 'box'), attachTo(all, host, 'prod', 'box')];
    const networks = ['mesh', 'prod'];
    expect(host.memberships).toEqual([
      { address: first, networks },
      { address: second, networks },
    ]);
    ask(all, host, { kind: 'detach', container: 'box', network: 'prod', addresses: [] });
    expect(host.memberships).toEqual([]);
  });
});

describe('two of one name', () => {
  it('made at once become one, the earlier', () => {
    const { mesh: all, hosts } = mesh(3);
    const [a, b, c] = hosts as [VirtualHost, VirtualHost, VirtualHost];
    const asked = [
      all.command(a, { kind: 'create-network', network: wish('prod', { subnets: [cidr('10.40.0.0/16')] }) }),
      all.command(b, { kind: 'create-network', network: wish('prod', { subnets: [cidr('10.41.0.0/16')] }) }),
    ];
    all.run(2_000);
    expect(asked.map(reply => reply()?.ok)).toEqual([true, true]);
    const found = [a, b, c].map(({ host }) =>
      host.report(all.now).networks.find(({ name }) => name === 'prod'),
    );
    expect(found).toEqual([found[0], found[0], found[0]]);
    const said = [a, b].filter(({ logs }) =>
      logs.some(({ message }) => /made a network of this name earlier/.test(message)),
    );
    expect(said).toHaveLength(1);
  });

  it('made in halves that did not hear of each other become one', () => {
    const { mesh: all, hosts } = mesh(2);
    const [a, b] = hosts as [VirtualHost, VirtualHost];
    all.cut(a, b);
    all.run(20_000);
    create(all, a, wish('prod'));
    create(all, b, wish('prod', { subnets: [cidr('10.44.0.0/16')] }));
    all.heal();
    all.run(60_000);
    expect(a.host.report(all.now).networks).toEqual(b.host.report(all.now).networks);
    expect(namesOn(all, a)).toEqual(['mesh', 'prod']);
  });
});

describe('a network that is removed', () => {
  it('is not made once more by who knows it by its id', () => {
    const { mesh: all, hosts } = mesh(2);
    const known = wish('prod', { id: '0123456789abcdef' });
    create(all, hosts[0]!, known);
    all.run(1_000);
    expect(remove(all, hosts[1]!, 'prod')).toBe('removed');
    all.run(1_000);
    expect(create(all, hosts[0]!, known)).toBe('network-removed');
    expect(create(all, hosts[0]!, wish('prod'))).toMatch(/^10\.4/);
  });

  it('is gone everywhere, whoever made it, also on a host that was away', () => {
    const { mesh: all, hosts } = mesh(3);
    const [a, b, c] = hosts as [VirtualHost, VirtualHost, VirtualHost];
    create(all, a, wish('prod'));
    all.run(1_000);
    all.kill(a);
    expect(remove(all, b, 'prod')).toBe('removed');
    all.run(30_000);
    expect(namesOn(all, c)).toEqual(['mesh']);
    all.restart(a);
    all.run(30_000);
    for (const host of [a, b, c]) expect(namesOn(all, host)).toEqual(['mesh']);
    expect(create(all, c, wish('prod'))).toMatch(/\/20$/);
  });

  it('is refused while anything is on it, on any host, and where it is the default one', () => {
    const { mesh: all, hosts } = mesh(2);
    create(all, hosts[0]!, wish('prod'));
    all.run(1_000);
    attachTo(all, hosts[1]!, 'prod', 'box');
    all.run(1_000);
    expect(remove(all, hosts[0]!, 'prod')).toBe('network-in-use');
    expect(remove(all, hosts[0]!, 'mesh')).toBe('network-default');
    expect(remove(all, hosts[0]!, 'other')).toBe('network-unknown');
    expect(ask(all, hosts[1]!, { kind: 'detach', container: 'box', network: 'prod', addresses: [] }).ok).toBe(
      true,
    );
    all.run(1_000);
    expect(remove(all, hosts[0]!, 'prod')).toBe('removed');
  });

  it('is made again by a host on which something has come to it meanwhile', () => {
    const { mesh: all, hosts } = mesh(2);
    const [a, b] = hosts as [VirtualHost, VirtualHost];
    create(all, a, wish('prod', { subnets: [cidr('10.40.0.0/16')] }));
    all.run(1_000);
    all.cut(a, b);
    all.run(20_000);
    expect(attachTo(all, b, 'prod', 'box', '10.40.0.9/16')).toMatch(/^(10\.40\.0\.9|space-silent)$/);
    expect(remove(all, a, 'prod')).toBe('removed');
    all.heal();
    all.run(60_000);
    const isOn = b.host.report(all.now).endpoints.length > 0;
    for (const host of [a, b]) expect(namesOn(all, host)).toEqual(isOn ? ['mesh', 'prod'] : ['mesh']);
  });
});

describe('who made a network', () => {
  it('may leave, or be removed: the network stays', () => {
    const { mesh: all, hosts } = mesh(3);
    const [a, b, c] = hosts as [VirtualHost, VirtualHost, VirtualHost];
    create(all, a, wish('one'));
    create(all, b, wish('two'));
    all.run(1_000);
    const before = c.host.report(all.now).networks;
    expect(ask(all, a, { kind: 'leave' }).ok).toBe(true);
    all.kill(a);
    all.kill(b);
    all.run(60_000);
    expect(ask(all, c, { kind: 'remove-peer', peer: b.peer, force: true }).ok).toBe(true);
    all.run(60_000);
    expect(c.host.report(all.now).networks).toEqual(before);
    all.restart(c);
    all.run(10_000);
    expect(c.host.report(all.now).networks).toEqual(before);
  });
});

describe('the subnet of a network that names none', () => {
  it('depends on its name, and overlaps with nothing that is taken', () => {
    const universe = cidr('10.32.0.0/24');
    const taken = [cidr('10.32.0.0/25')];
    const given = Array.from({ length: 20 }, (_, index) => {
      const subnet = freeSubnet(universe, `net${index}`, taken);
      if (subnet !== undefined) taken.push(subnet);
      return subnet;
    });
    expect(new Set(given.filter(subnet => subnet !== undefined).map(({ address }) => address)).size).toBe(16);
    expect(given.at(-1)).toBeUndefined();
    expect(freeSubnet(cidr('10.32.0.0/12'), 'a', [])).toEqual(freeSubnet(cidr('10.32.0.0/12'), 'a', []));
  });
});
