import { describe, expect, it } from 'vitest';
import { type Ipv4, parseCidr } from '../../../../src/core/address.ts';
import type { Result } from '../../../../src/core/errors.ts';
import type { Command, Reply } from '../../../../src/core/host/step.ts';
import type { ZoneName } from '../../../../src/core/names/name.ts';
import { createVirtualMesh, type VirtualHost, type VirtualMesh } from '../../../support/virtual-mesh.ts';

const names = (...texts: string[]) => texts as ZoneName[];

function three() {
  const mesh = createVirtualMesh({ seed: 1 });
  const a = mesh.add();
  const b = mesh.add([a]);
  const c = mesh.add([b]);
  mesh.run(3_000);
  return { mesh, a, b, c };
}

function ask(mesh: VirtualMesh, host: VirtualHost, command: Command): string {
  const reply = mesh.command(host, command);
  mesh.until(() => reply() !== undefined);
  const result = reply() as Result<Reply>;
  return result.ok ? 'done' : result.problem.code;
}

function attach(
  mesh: VirtualMesh,
  host: VirtualHost,
  id: string,
  address: string,
  over: Partial<Extract<Command, { kind: 'attach' }>> = {},
): string {
  host.running.set(id, `/run/netns/${id}`);
  const aliases = host.aliases.get(id) ?? [];
  const container = { id, name: id, sandbox: `/run/netns/${id}`, aliases };
  const addresses = [parseCidr(address)!];
  return ask(mesh, host, { kind: 'attach', network: 'mesh', addresses, ...over, container });
}

const name = (over: Partial<Extract<Command, { kind: 'name' | 'unname' }>>): Command => ({
  kind: 'name',
  network: 'mesh',
  container: undefined,
  addresses: [],
  names: [],
  ...over,
});

const zoneOf = ({ zone }: VirtualHost): string[] => [...zone].map(([key, value]) => `${key} ${value}`).sort();

describe('names of containers', () => {
  it('come with them on every host, and go with them', () => {
    const { mesh, a, b, c } = three();
    a.aliases.set('web', ['front', 'a.b', 'Www.mesh.internal']);
    attach(mesh, a, 'web', '10.0.0.11/24');
    attach(mesh, b, 'db', '10.0.0.12/24', { names: names('store') });
    attach(mesh, b, 'quiet', '10.0.0.13/24', { nameless: true });
    mesh.run(1_000);
    const all = ['db 10.0.0.12', 'front 10.0.0.11', 'store 10.0.0.12', 'web 10.0.0.11', 'www 10.0.0.11'];
    for (const host of [a, b, c]) expect(zoneOf(host)).toEqual(all);
    b.running.delete('db');
    mesh.deliver(b, { kind: 'container-died', id: 'db' });
    expect(zoneOf(b)).not.toContain('db 10.0.0.12');
    mesh.run(1_000);
    for (const host of [a, b, c]) expect(zoneOf(host)).toHaveLength(3);
  });

  it('may be one for several, on several hosts', () => {
    const { mesh, a, b, c } = three();
    attach(mesh, a, 'web-1', '10.0.0.11/24', { names: names('web') });
    attach(mesh, b, 'web-2', '10.0.0.12/24', { names: names('web') });
    mesh.run(1_000);
    expect(c.zone.get('web')).toBe('10.0.0.11 10.0.0.12');
    mesh.deliver(a, { kind: 'container-removed', id: 'web-1' });
    mesh.run(1_000);
    expect(c.zone.get('web')).toBe('10.0.0.12');
  });

  it('follow what an engine calls the container, and keep what the user changed', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'web', '10.0.0.11/24', { names: names('mine') });
    expect(ask(mesh, a, name({ kind: 'unname', container: 'web', names: names('web') }))).toBe('done');
    const started = (called: string) =>
      mesh.deliver(a, {
        kind: 'container-started',
        container: { id: 'web', name: called, sandbox: '/run/netns/web' },
      });
    started('web');
    mesh.run(500);
    expect(zoneOf(b)).toEqual(['mine 10.0.0.11']);
    started('shop');
    mesh.run(500);
    expect(zoneOf(b)).toEqual(['mine 10.0.0.11', 'shop 10.0.0.11']);
    started('store');
    mesh.restart(a);
    mesh.run(5_000);
    expect(zoneOf(b)).toContain('mine 10.0.0.11');
  });
});

describe('names that users give and take', () => {
  it('are those of a container, of one of its addresses, or of an address of nobody', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'web', '10.0.0.11/24');
    attach(mesh, a, 'web', '10.0.0.12/24');
    const address = '10.0.0.12' as Ipv4;
    expect(ask(mesh, a, name({ container: 'web', names: names('all') }))).toBe('done');
    expect(ask(mesh, a, name({ container: 'web', addresses: [address], names: names('one') }))).toBe('done');
    expect(ask(mesh, a, name({ addresses: [address], names: names('bare') }))).toBe('done');
    expect(ask(mesh, a, name({ addresses: ['192.168.7.7' as Ipv4], names: names('printer') }))).toBe('done');
    mesh.run(500);
    const both = '10.0.0.11 10.0.0.12';
    const given = [`all ${both}`, 'bare 10.0.0.12', 'one 10.0.0.12', 'printer 192.168.7.7', `web ${both}`];
    expect(zoneOf(b)).toEqual(given);
    const gone = name({ kind: 'unname', container: 'web', addresses: [address], names: names('all', 'one') });
    expect(ask(mesh, a, gone)).toBe('done');
    expect(ask(mesh, a, name({ kind: 'unname', addresses: ['192.168.7.7' as Ipv4] }))).toBe('done');
    mesh.run(500);
    expect(zoneOf(b)).toEqual(['all 10.0.0.11', 'bare 10.0.0.12', `web ${both}`]);
    expect(ask(mesh, a, name({ kind: 'unname', container: 'web' }))).toBe('done');
    mesh.run(500);
    expect(zoneOf(b)).toEqual([]);
    expect(ask(mesh, a, name({ container: 'web' }))).toBe('done');
    mesh.run(500);
    expect(zoneOf(b)).toEqual([`web ${both}`]);
  });

  it('are refused where they would outlive what they stand for, or stand for nothing', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'web', '10.0.0.11/24');
    mesh.run(500);
    const address = '10.0.0.11' as Ipv4;
    expect(ask(mesh, b, name({ addresses: [address], names: names('x') }))).toBe('name-elsewhere');
    expect(ask(mesh, b, name({ container: 'web', names: names('x') }))).toBe('not-attached');
    expect(ask(mesh, a, name({ container: 'web', addresses: ['10.0.0.9' as Ipv4], names: names('x') }))).toBe(
      'not-attached',
    );
    expect(ask(mesh, a, name({ kind: 'unname', container: 'web', names: names('x') }))).toBe('name-unknown');
    expect(ask(mesh, a, name({ kind: 'unname', addresses: ['1.2.3.4' as Ipv4], names: names('x') }))).toBe(
      'name-unknown',
    );
    const many = names(...Array.from({ length: 64 }, (_, index) => `n${index}`));
    expect(ask(mesh, a, name({ container: 'web', names: many }))).toBe('name-many');
  });
});

describe('names of a host', () => {
  it('stay while only its router is down, and while it restarts', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'web', '10.0.0.11/24');
    mesh.run(1_000);
    mesh.kill(a);
    mesh.run(120_000);
    expect(b.zone.get('web')).toBe('10.0.0.11');
    mesh.restart(a);
    expect(a.zone.get('web')).toBe('10.0.0.11');
    mesh.run(5_000);
    expect(b.zone.get('web')).toBe('10.0.0.11');
  });

  it('go within 15 s when nothing of it answers any more', () => {
    const { mesh, a, b, c } = three();
    attach(mesh, a, 'web', '10.0.0.11/24');
    mesh.run(1_000);
    mesh.cut(a, b);
    mesh.cut(a, c);
    mesh.run(9_000);
    expect(b.zone.has('web')).toBe(true);
    mesh.run(6_000);
    for (const host of [b, c]) expect(host.zone.has('web')).toBe(false);
    expect(a.zone.get('web')).toBe('10.0.0.11');
  });

  it('come back after a partition without what ended in it', () => {
    const { mesh, a, b, c } = three();
    attach(mesh, a, 'web', '10.0.0.11/24');
    attach(mesh, a, 'old', '10.0.0.12/24');
    mesh.run(1_000);
    mesh.cut(a, b);
    mesh.cut(a, c);
    mesh.run(60_000);
    mesh.deliver(a, { kind: 'container-removed', id: 'old' });
    mesh.heal();
    for (let round = 0; round < 700; round += 1) {
      mesh.run(100);
      for (const host of [b, c]) expect(host.zone.has('old')).toBe(false);
    }
    for (const host of [b, c]) expect(zoneOf(host)).toEqual(['web 10.0.0.11']);
  });
});
