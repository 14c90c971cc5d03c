import { describe, expect, it } from 'vitest';
import type { Ipv4 } from '../../../src/core/address.ts';
import { HOST_LEG, HOST_SANDBOX } from '../../../src/core/endpoints/attachment.ts';
import { LEG } from '../../../src/core/host/leg.ts';
import type { Command } from '../../../src/core/host/step.ts';
import type { ZoneName } from '../../../src/core/names/name.ts';
import { ask, attach, cidr, three } from '../../support/address-mesh.ts';
import type { VirtualHost, VirtualMesh } from '../../support/virtual-mesh.ts';

type Attach = Extract<Command, { kind: 'attach' }>;

function exposing() {
  const made = three();
  // A host is always there.
  for (const host of [made.a, made.b, made.c]) host.running.set(HOST_LEG, HOST_SANDBOX);
  return made;
}

function expose(mesh: VirtualMesh, host: VirtualHost, addresses: string[], how: Partial<Attach> = {}) {
  const command = {
    kind: 'attach',
    container: LEG,
    network: 'mesh',
    addresses: addresses.map(cidr),
  } as const;
  const result = ask(mesh, host, { ...command, ...how });
  return result.ok ? result.value.addresses : result.problem;
}

function hide(mesh: VirtualMesh, host: VirtualHost, addresses: string[] = []) {
  const command = { kind: 'detach', container: HOST_LEG, network: 'mesh' } as const;
  const result = ask(mesh, host, { ...command, addresses: addresses.map(cidr) });
  return result.ok ? result.value.addresses : result.problem;
}

const legOf = (host: VirtualHost) => host.plumbed.get(`mesh/${HOST_LEG}`);
const endpoints = (mesh: VirtualMesh, host: VirtualHost) =>
  host.host
    .report(mesh.now)
    .endpoints.filter(({ container }) => container === HOST_LEG)
    .map(({ address, host: { nickname } }) => `${address} ${nickname}`);

describe('the leg of a host', () => {
  it('gets an address of its own on each host, told to all, and is one link of the host', () => {
    const { mesh, a, b, c } = exposing();
    const given = [a, b].map(host => expose(mesh, host, []));
    expect(given[0]).toEqual(['10.32.0.1']);
    expect(expose(mesh, a, [])).toEqual(given[0]);
    mesh.run(1_000);
    for (const host of [a, b, c]) {
      expect(endpoints(mesh, host)).toEqual([`${given[0]} host1`, `${given[1]} host2`].sort());
    }
    expect(legOf(a)).toMatchObject({
      sandbox: HOST_SANDBOX,
      device: 'mesh',
      addresses: [cidr('10.32.0.1/24')],
      masqueraded: [cidr('10.32.0.1/24')],
    });
    expect(b.host.allocatedTo(HOST_LEG)).toHaveLength(1);
    expect(attach(mesh, a, 'box1')).toBe('10.32.0.2');
    expect(a.plumbed.get('mesh/box1')).not.toHaveProperty('masqueraded');
  });

  it('frees its addresses, and is gone, when it is hidden', () => {
    const { mesh, a, c } = exposing();
    expose(mesh, a, []);
    expose(mesh, a, ['10.32.0.77/24', '10.0.0.1/24']);
    expect(hide(mesh, a, ['10.32.0.77/24'])).toEqual(['10.32.0.77']);
    expect(legOf(a)?.addresses).toEqual([cidr('10.32.0.1/24'), cidr('10.0.0.1/24')]);
    expect(hide(mesh, a)).toEqual(['10.32.0.1', '10.0.0.1']);
    mesh.run(1_000);
    expect(legOf(a)).toBeUndefined();
    expect(endpoints(mesh, c)).toEqual([]);
    expect(a.host.allocatedTo(HOST_LEG)).toEqual([]);
    expect([...a.disk.keys()].filter(key => key.includes(HOST_LEG))).toEqual([]);
    expect(attach(mesh, a, 'box1')).toBe('10.32.0.1');
  });

  it('translates for what is exposed so, as it was asked last', () => {
    const { mesh, a } = exposing();
    expose(mesh, a, ['10.32.0.9/24'], { masquerade: false });
    expose(mesh, a, ['10.0.0.1/24']);
    expect(legOf(a)?.masqueraded).toEqual([cidr('10.0.0.1/24')]);
    mesh.restart(a);
    a.plumbed.clear();
    mesh.run(5_000);
    expect(legOf(a)?.masqueraded).toEqual([cidr('10.0.0.1/24')]);
    expose(mesh, a, ['10.32.0.9/24']);
    expect(legOf(a)?.masqueraded).toHaveLength(2);
    expose(mesh, a, ['10.0.0.1/24'], { masquerade: false });
    expect(legOf(a)?.masqueraded).toEqual([cidr('10.32.0.9/24')]);
  });

  it('is made again after a restart, with the same MAC, and stays exposed', () => {
    const { mesh, a, b } = exposing();
    expose(mesh, a, []);
    const before = legOf(a);
    mesh.restart(a);
    mesh.run(5_000);
    expect(legOf(a)).toEqual(before);
    expect(endpoints(mesh, b)).toEqual(['10.32.0.1 host1']);
  });

  it('is called what each exposure says, at its addresses alone', () => {
    const { mesh, a, c } = exposing();
    const named = (name: string) => ({ names: [name as ZoneName] });
    expose(mesh, a, ['10.32.0.9/24'], named('gate'));
    expose(mesh, a, ['10.0.0.1/24'], named('door'));
    mesh.run(1_000);
    const lines = c.host.report(mesh.now).names.map(({ name, address }) => `${name} ${address}`);
    expect(lines).toEqual(['door 10.0.0.1', 'gate 10.32.0.9']);
    hide(mesh, a, ['10.0.0.1/24']);
    expose(mesh, a, ['10.0.0.1/24']);
    mesh.run(1_000);
    expect(c.host.report(mesh.now).names.map(({ name }) => name)).toEqual(['gate']);
  });

  it('is refused what somebody has, what is the mesh, and what is no address of anybody', () => {
    const { mesh, a, b } = exposing();
    attach(mesh, b, 'box1', '10.32.0.50/24');
    mesh.run(1_000);
    const facts = a.disk.size;
    for (const [address, code] of [
      ['10.32.0.50/24', 'address-taken'],
      ['10.32.0.254/24', 'address-unusable'],
      ['224.0.0.1/24', 'address-unusable'],
      ['10.0.0.255/24', 'address-unusable'],
    ] as const) {
      expect(expose(mesh, a, [address])).toMatchObject({ code });
    }
    expect(expose(mesh, a, [], { subnets: [cidr('10.40.0.0/16')] })).toMatchObject({
      code: 'subnet-outside',
    });
    expect(hide(mesh, a)).toMatchObject({ code: 'not-attached' });
    expose(mesh, a, ['10.32.0.9/24']);
    expect(hide(mesh, a, ['10.32.0.10/24'])).toMatchObject({
      code: 'not-attached',
      address: '10.32.0.10/24',
    });
    hide(mesh, a);
    expect(legOf(a)).toBeUndefined();
    expect(a.host.allocatedTo(HOST_LEG)).toEqual([] as readonly Ipv4[]);
    expect(a.disk.size).toBeGreaterThanOrEqual(facts);
  });

  it('keeps what it has where more is refused by the kernel', () => {
    const { mesh, a } = exposing();
    expose(mesh, a, ['10.32.0.9/24']);
    a.running.set(HOST_LEG, 'elsewhere');
    expect(expose(mesh, a, ['10.0.0.1/24'])).toMatchObject({ code: 'container-gone' });
    a.running.set(HOST_LEG, HOST_SANDBOX);
    mesh.run(1_000);
    expect(hide(mesh, a)).toEqual(['10.32.0.9']);
  });

  it('has no id that would be taken for short', () => {
    const { mesh, a } = exposing();
    expose(mesh, a, []);
    const command = { kind: 'detach', container: 'mesh', network: 'mesh', addresses: [] } as const;
    expect(ask(mesh, a, command)).toMatchObject({ problem: { code: 'not-attached' } });
  });
});
