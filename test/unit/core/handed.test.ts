import { describe, expect, it } from 'vitest';
import type { Ipv4, Mac } from '../../../src/core/address.ts';
import { HOST_SANDBOX } from '../../../src/core/endpoints/attachment.ts';
import { describe as inWords } from '../../../src/core/errors.ts';
import type { EndpointCommand } from '../../../src/core/host/handed.ts';
import { ask, attach, cidr, three } from '../../support/address-mesh.ts';
import type { VirtualHost, VirtualMesh } from '../../support/virtual-mesh.ts';

const POOL = cidr('10.32.0.0/24');
const ip = (text: string): Ipv4 => text as Ipv4;
const id = (number: number): string => `${number}`.padStart(64, 'e');

/** One host as an engine sees it: the first address, or the code of the refusal. */
function engineOf(mesh: VirtualMesh, host: VirtualHost) {
  const raw = (command: EndpointCommand) => ask(mesh, host, command);
  const told = (command: EndpointCommand): string => {
    const result = raw(command);
    return result.ok ? (result.value.addresses[0] ?? '') : result.problem.code;
  };
  const reserve = (address?: string, gateway = false): string =>
    told({
      kind: 'reserve-address',
      subnet: POOL,
      address: address && ip(address),
      gateway,
    } as EndpointCommand);
  const create = (endpoint: string, address: string, mac?: Mac): string =>
    told({ kind: 'create-endpoint', endpoint, address: cidr(`${address}/24`), mac });
  return {
    raw,
    told,
    reserve,
    create,
    /** As an engine starts a container; gives its address. */
    start(endpoint: string, fixed?: string): string {
      const address = reserve(fixed);
      expect(create(endpoint, address)).toBe(address);
      return address;
    },
    end: (endpoint: string): string => told({ kind: 'delete-endpoint', endpoint }),
    giveBack: (address: string): string => told({ kind: 'return-address', address: ip(address) }),
    name: (endpoint: string, container: string, aliases: string[] = []): string =>
      told({ kind: 'name-endpoint', endpoint, container, aliases }),
  };
}

const endpoints = (mesh: VirtualMesh, host: VirtualHost): readonly string[] =>
  host.host.report(mesh.now).endpoints.map(({ address, containerName }) => `${address} ${containerName}`);
const owners = (host: VirtualHost): readonly string[] =>
  host.host.allocations.map(({ cidr: { address }, owner }) => `${address} ${owner}`);

describe('what an engine asks for', () => {
  it('is an address, then an endpoint that has it, told to all before the engine is answered', () => {
    const { mesh, a, b } = three();
    const engine = engineOf(mesh, a);
    const address = engine.reserve();
    expect(owners(a)).toEqual([`${address} docker:${address}`]);
    const made = engine.raw({
      kind: 'create-endpoint',
      endpoint: id(1),
      address: cidr(`${address}/24`),
      mac: undefined,
    });
    expect(made).toMatchObject({ value: { endpoint: { network: 'mesh', device: 'mesh-eeeeeeeeee' } } });
    expect(a.plumbed.get(`mesh/endpoint:${id(1)}`)).toMatchObject({
      sandbox: HOST_SANDBOX,
      addresses: [cidr(`${address}/24`)],
      handed: { joined: undefined },
    });
    mesh.run(100);
    expect(endpoints(mesh, b)).toEqual([`${address} endpoint:${id(1)}`]);
  });

  it('may be asked for again: a router that died in between is asked a second time', () => {
    const { mesh, a } = three();
    const engine = engineOf(mesh, a);
    expect(engine.reserve('10.32.0.7')).toBe('10.32.0.7');
    expect(engine.reserve('10.32.0.7')).toBe('10.32.0.7');
    for (let time = 0; time < 2; time += 1) expect(engine.create(id(1), '10.32.0.7')).toBe('10.32.0.7');
    for (let time = 0; time < 2; time += 1) expect(engine.end(id(1))).toBe('');
    for (let time = 0; time < 2; time += 1) expect(engine.giveBack('10.32.0.7')).toBe('');
    expect(owners(a)).toEqual([]);
    expect(a.plumbed.size).toBe(0);
  });

  it('leaves nothing behind: no fact, no record, no address', () => {
    const { mesh, a, c } = three();
    const engine = engineOf(mesh, a);
    const before = [...a.disk.keys()].filter(key => !key.startsWith('replica/')).sort();
    for (let round = 0; round < 20; round += 1) {
      const address = engine.start(id(round));
      expect(engine.end(id(round))).toBe('');
      expect(engine.giveBack(address)).toBe('');
    }
    mesh.run(2_000);
    expect([...a.disk.keys()].filter(key => !key.startsWith('replica/')).sort()).toEqual(before);
    expect(endpoints(mesh, c)).toEqual([]);
  });

  it('gets the lowest free address, never one that something else has, on any host', () => {
    const { mesh, a, b } = three();
    const [here, there] = [engineOf(mesh, a), engineOf(mesh, b)];
    const given = [
      attach(mesh, a, 'box1'),
      here.start(id(1)),
      here.start(id(2)),
      there.start(id(3)),
      attach(mesh, b, 'box2'),
    ];
    expect(new Set(given).size).toBe(given.length);
    mesh.run(1_000);
    expect(here.reserve(given[3])).toMatch(/^address-(taken|elsewhere)$/);
    expect(here.reserve(given[0])).toBe('address-taken');
  });

  it('is refused twice over: two endpoints of one address, and one MAC', () => {
    const { mesh, a } = three();
    const engine = engineOf(mesh, a);
    engine.start(id(1), '10.32.0.9');
    expect(engine.reserve('10.32.0.9')).toBe('address-taken');
    expect(engine.create(id(2), '10.32.0.9')).toBe('address-taken');
    const mac = '02:42:0a:20:00:0a' as Mac;
    const address = engine.reserve();
    expect(engine.create(id(3), address, mac)).toBe(address);
    expect(a.plumbed.get(`mesh/endpoint:${id(3)}`)?.mac).toBe(mac);
    expect(engine.create(id(3), address, mac)).toBe(address);
    expect(engine.create(id(4), engine.reserve(), mac)).toBe('mac-taken');
  });

  it('keeps what an endpoint has, whatever is given back late', () => {
    const { mesh, a } = three();
    const engine = engineOf(mesh, a);
    engine.start(id(1), '10.32.0.9');
    engine.end(id(1));
    // The engine's word on the first comes when a second has the address already.
    engine.start(id(2), '10.32.0.9');
    engine.giveBack('10.32.0.9');
    expect(owners(a)).toEqual([`10.32.0.9 endpoint:${id(2)}`]);
    expect(engine.reserve('10.32.0.9')).toBe('address-taken');
  });

  it('claims an address that nobody reserved, or whose reservation was forgotten', () => {
    const { mesh, a } = three();
    const engine = engineOf(mesh, a);
    expect(engine.create(id(1), '10.32.0.33')).toBe('10.32.0.33');
    expect(owners(a)).toEqual([`10.32.0.33 endpoint:${id(1)}`]);
  });

  it('has the gateway that the network has: it takes no address', () => {
    const { mesh, a } = three();
    const engine = engineOf(mesh, a);
    expect(engine.reserve(undefined, true)).toBe('10.32.0.254');
    expect(engine.reserve('10.32.0.254', true)).toBe('10.32.0.254');
    expect(engine.reserve('10.32.0.1', true)).toBe('address-unusable');
    expect(engine.reserve('10.32.0.254')).toBe('address-unusable');
    expect(engine.reserve('10.33.0.1')).toBe('subnet-outside');
    expect(owners(a)).toEqual([]);
  });
});

describe('an endpoint', () => {
  it('outlives the router, with its container; it ends with that also while no router runs', () => {
    const { mesh, a, b } = three();
    const engine = engineOf(mesh, a);
    const [kept, lost] = [engine.start(id(1)), engine.start(id(2))];
    engine.told({ kind: 'join-endpoint', endpoint: id(1), sandbox: '/run/docker/netns/one' });
    engine.name(id(1), 'web', ['www']);
    // The second one's container ends, and the link with it, while the router is down.
    mesh.kill(a);
    a.plumbed.delete(`mesh/endpoint:${id(2)}`);
    mesh.restart(a);
    mesh.run(4_000);
    expect(endpoints(mesh, b)).toEqual([`${kept} web`]);
    expect(b.zone.get('web')).toBe(kept);
    expect(b.zone.get('www')).toBe(kept);
    expect(a.plumbed.get(`mesh/endpoint:${id(1)}`)?.handed).toEqual({ joined: '/run/docker/netns/one' });
    expect([...a.plumbed.keys()]).toEqual([`mesh/endpoint:${id(1)}`]);
    // What the engine has yet to give back is only reserved.
    expect(owners(a)).toEqual([`${kept} endpoint:${id(1)}`, `${lost} docker:${lost}`].sort());
    expect(engineOf(mesh, a).giveBack(lost)).toBe('');
    expect(owners(a)).toEqual([`${kept} endpoint:${id(1)}`]);
  });

  it('is called what its container is called, and no more so when that has another name', () => {
    const { mesh, a, b } = three();
    const engine = engineOf(mesh, a);
    const address = engine.start(id(1));
    mesh.run(100);
    expect(b.zone.size).toBe(0);
    engine.name(id(1), 'web', ['store', 'www']);
    mesh.run(100);
    for (const name of ['web', 'store', 'www']) expect(b.zone.get(name)).toBe(address);
    engine.name(id(1), 'shop', ['store']);
    mesh.run(100);
    expect([...b.zone.keys()].sort()).toEqual(['shop', 'store']);
    expect(endpoints(mesh, b)).toEqual([`${address} shop`]);
    engine.end(id(1));
    mesh.run(100);
    expect(b.zone.size).toBe(0);
  });

  it('is unknown where it is not: told so with a cure', () => {
    const { mesh, a } = three();
    const engine = engineOf(mesh, a);
    const joined = engine.raw({ kind: 'join-endpoint', endpoint: id(9), sandbox: '/x' });
    expect(!joined.ok && inWords(joined.problem)).toContain('docker network disconnect');
    expect(engine.name(id(9), 'web')).toBe('');
  });
});

describe('a subnet for a network', () => {
  const subnet = (text?: string, range?: string): EndpointCommand => ({
    kind: 'reserve-subnet',
    subnet: text === undefined ? undefined : cidr(text),
    range: range === undefined ? undefined : cidr(range),
  });
  const room = () => three({ universe: cidr('10.32.0.0/16') });

  it('is the one of a network that stands, or one that is free, never one twice', () => {
    const { mesh, a } = room();
    const { raw, told } = engineOf(mesh, a);
    expect(raw(subnet('10.32.0.0/24'))).toMatchObject({ value: { subnet: POOL } });
    expect(raw(subnet('10.32.7.0/24'))).toMatchObject({ value: { subnet: cidr('10.32.7.0/24') } });
    const given = Array.from({ length: 5 }, () => {
      const reply = raw(subnet());
      return reply.ok ? reply.value.subnet?.address : reply.problem.code;
    });
    expect(new Set(given).size).toBe(5);
    expect(told(subnet('10.32.0.0/20'))).toBe('subnet-overlaps');
    expect(told(subnet('10.99.0.0/24'))).toBe('subnet-outside');
    expect(told(subnet('10.32.8.1/24'))).toBe('subnet-bits');
    expect(told(subnet('10.32.8.0/24', '10.32.9.0/26'))).toBe('subnet-outside');
  });

  it('may be a network of the engine only where that is the same network', () => {
    const { mesh, a } = room();
    const { told } = engineOf(mesh, a);
    const check = (text: string, name?: string) => told({ kind: 'check-network', subnet: cidr(text), name });
    expect(check('10.32.0.0/24', 'mesh')).toBe('');
    expect(check('10.32.7.0/24', 'mesh')).toBe('network-exists');
    expect(check('10.32.7.0/24', 'prod')).toBe('network-unknown');
    expect(check('10.32.7.0/24')).toBe('');
    expect(check('10.32.0.0/24')).toBe('subnet-overlaps');
  });

  it('takes the addresses that a network keeps back while it is made, and gives out none of it yet', () => {
    const { mesh, a } = room();
    const { told } = engineOf(mesh, a);
    const reserve = (address: string | undefined, gateway = false) =>
      told({
        kind: 'reserve-address',
        subnet: cidr('10.32.7.0/24'),
        address: address === undefined ? undefined : ip(address),
        gateway,
      });
    expect(reserve(undefined, true)).toBe('10.32.7.254');
    expect(reserve('10.32.7.1', true)).toBe('10.32.7.1');
    expect(reserve('10.32.7.9')).toBe('10.32.7.9');
    expect(reserve(undefined)).toBe('network-unknown');
    expect(owners(a)).toEqual([]);
  });
});
