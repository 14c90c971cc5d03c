import { describe, expect, it } from 'vitest';
import { ask, attach, cidr, ipam, three } from '../../support/address-mesh.ts';
import {
  createVirtualMesh,
  type MeshOptions,
  type VirtualHost,
  type VirtualMesh,
} from '../../support/virtual-mesh.ts';

/** What hosts do otherwise where their profile says so. */

const meshWith = (conduct: NonNullable<MeshOptions['conduct']>) => three({}, { conduct });
const plumbed = (host: VirtualHost, name: string) => host.plumbed.get(`mesh/${name}`);
function die(mesh: VirtualMesh, host: VirtualHost, name: string): void {
  mesh.run(200);
  host.running.delete(name);
  mesh.deliver(host, { kind: 'container-died', id: name });
}

describe('names', () => {
  it('are host names in full, and no others', () => {
    const { mesh, a, b } = meshWith({ byHostName: true });
    a.aliases.set('box1', ['web.mesh.internal', 'alias', 'web.elsewhere.org']);
    attachCalled(mesh, a, 'box1', ['web.mesh.internal', 'alias', 'web.elsewhere.org'], '10.9.0.1/24');
    attachCalled(mesh, a, 'box2', [], '10.9.0.2/24');
    mesh.run(1_000);
    const names = b.host.report(mesh.now).names.map(({ name, address }) => `${name} ${address}`);
    expect(names).toEqual(['web 10.9.0.1']);
  });
});

describe('a container that is down', () => {
  it('yields what it had to who asks for that by name', () => {
    const { mesh, a, b } = meshWith({ yields: true });
    expect(attach(mesh, a, 'box1', '10.9.0.1/24', '10.9.0.2/24')).toBe('10.9.0.1 10.9.0.2');
    expect(attach(mesh, a, 'box2', '10.9.0.1/24')).toBe('address-taken');
    die(mesh, a, 'box1');
    mesh.run(200);
    expect(attach(mesh, a, 'box2', '10.9.0.1/24')).toBe('10.9.0.1');
    a.running.set('box1', '/run/netns/box1');
    mesh.deliver(a, {
      kind: 'container-started',
      container: { id: 'box1', name: 'box1', sandbox: '/run/netns/box1' },
    });
    mesh.run(500);
    expect(plumbed(a, 'box1')?.addresses).toEqual([cidr('10.9.0.2/24')]);
    const holders = b.host.report(mesh.now).endpoints.map(one => `${one.address} ${one.containerName}`);
    expect(holders).toEqual(['10.9.0.1 box2', '10.9.0.2 box1']);
  });

  it('keeps it otherwise', () => {
    const { mesh, a } = meshWith({});
    attach(mesh, a, 'box1', '10.9.0.1/24');
    die(mesh, a, 'box1');
    mesh.run(200);
    expect(attach(mesh, a, 'box2', '10.9.0.1/24')).toBe('address-taken');
  });
});

describe('discovery', () => {
  const isConnected = (mesh: VirtualMesh, from: VirtualHost, to: VirtualHost): boolean =>
    from.host
      .report(mesh.now)
      .connections.some(({ peer, state }) => peer?.id === to.peer && state === 'established');

  it('dials whom others reach, and nobody who is out of reach for all', () => {
    const { mesh, a, b, c } = meshWith({ dialsReachable: true });
    mesh.until(() => isConnected(mesh, a, c));
    mesh.cut(a, c);
    mesh.run(40_000);
    mesh.heal();
    mesh.until(() => isConnected(mesh, a, c), 60_000);
    // b is the target of c, and a that of b: neither dials what nobody gave it.
    mesh.command(b, { kind: 'forget', peers: [a.address] });
    for (const other of [b, c]) mesh.cut(a, other);
    mesh.run(60_000);
    mesh.heal();
    mesh.run(60_000);
    expect([isConnected(mesh, a, b), isConnected(mesh, a, c), isConnected(mesh, b, c)]).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe('a host by itself', () => {
  it('divides the addresses when one is asked for', () => {
    const mesh = createVirtualMesh({ seed: 1, ipam: ipam({ lazy: true }) });
    const a = mesh.add();
    mesh.run(30_000);
    const state = () => a.host.report(mesh.now).ipam?.state;
    expect(state()).toBe('undivided');
    expect(attach(mesh, a, 'box1')).toBe('10.32.0.1');
    expect(state()).toBe('ready');
  });
});

describe('interfaces', () => {
  it('say a size of their own, and have no route for multicast where that is not wanted', () => {
    const { mesh, a } = meshWith({ deviceMtu: 65_535 });
    attach(mesh, a, 'box1', '10.9.0.1/24');
    expect(plumbed(a, 'box1')).toMatchObject({ deviceMtu: 65_535, mtu: 1450 });
    expect(plumbed(a, 'box1')?.unicast).toBeUndefined();
    attachCalled(mesh, a, 'box1', [], '10.9.0.1/24', true);
    expect(plumbed(a, 'box1')?.unicast).toBe(true);
    mesh.restart(a);
    mesh.run(4_000);
    expect(plumbed(a, 'box1')?.unicast).toBe(true);
    // What is not said stays as it was.
    attach(mesh, a, 'box1', '10.9.0.1/24');
    expect(plumbed(a, 'box1')?.unicast).toBe(true);
    attachCalled(mesh, a, 'box1', [], '10.9.0.1/24', false);
    expect(plumbed(a, 'box1')?.unicast).toBeUndefined();
  });
});

function attachCalled(
  mesh: VirtualMesh,
  host: VirtualHost,
  name: string,
  aliases: readonly string[],
  address: string,
  unicast?: boolean,
): void {
  const sandbox = `/run/netns/${name}`;
  host.running.set(name, sandbox);
  const container = { id: name, name, sandbox, aliases };
  const command = {
    kind: 'attach',
    container,
    network: 'mesh',
    addresses: [cidr(address)],
    unicast,
  } as const;
  expect(ask(mesh, host, command).ok).toBe(true);
}
