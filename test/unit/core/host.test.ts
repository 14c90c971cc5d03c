import { describe, expect, it } from 'vitest';
import { type Cidr, type PeerId, parseCidr } from '../../../src/core/address.ts';
import type { Result } from '../../../src/core/errors.ts';
import type { Reply } from '../../../src/core/host/step.ts';
import { createVirtualMesh, type VirtualHost, type VirtualMesh } from '../../support/virtual-mesh.ts';

const cidr = (text: string): Cidr => parseCidr(text)!;
let sandboxes = 0;

/** Starts a container on `host` and attaches it; gives the reply once it is there. */
function attach(mesh: VirtualMesh, host: VirtualHost, name: string, ...addresses: string[]): Result<Reply> {
  if (!host.running.has(name)) {
    sandboxes += 1;
    host.running.set(name, `/run/netns/${sandboxes}`);
  }
  const container = { id: name, name, sandbox: host.running.get(name)! };
  const reply = mesh.command(host, {
    kind: 'attach',
    container,
    network: 'mesh',
    addresses: addresses.map(cidr),
  });
  mesh.until(() => reply() !== undefined);
  return reply()!;
}

function three(seed = 1): { mesh: VirtualMesh; a: VirtualHost; b: VirtualHost; c: VirtualHost } {
  const mesh = createVirtualMesh({ seed });
  const a = mesh.add();
  const b = mesh.add([a]);
  const c = mesh.add([b]);
  mesh.until(() =>
    [a, b, c].every(
      host => host.host.report(mesh.now).connections.filter(one => one.state === 'established').length === 2,
    ),
  );
  return { mesh, a, b, c };
}

const stations = (host: VirtualHost): string[] =>
  host.host
    .forwarding()
    .networks.find(network => network.name === 'mesh')!
    .stations.map(station => `${station.address}@${station.vtep.address}`);

describe('joining', () => {
  it('makes one mesh of three routers that were each given one address', () => {
    const { mesh, a, c } = three();
    expect(a.host.report(mesh.now).peers.map(peer => peer.nickname)).toHaveLength(3);
    expect(c.host.forwarding().peers).toEqual(['192.168.0.1', '192.168.0.2']);
  });

  it('is ready at once where there is nobody to wait for, and after 3 s where nobody answers', () => {
    const mesh = createVirtualMesh({ seed: 2 });
    const a = mesh.add();
    expect(a.host.report(mesh.now).state).toBe('ready');
    const b = mesh.add([a]);
    mesh.cut(a, b);
    expect(b.host.report(mesh.now).state).toBe('joining');
    mesh.run(3_100);
    expect(b.host.report(mesh.now).state).toBe('ready');
  });

  it('finds the other half again after a partition longer than every timeout', () => {
    const { mesh, a, b, c } = three();
    mesh.cut(a, c);
    mesh.cut(b, c);
    mesh.run(60_000);
    expect(attach(mesh, c, 'box3', '10.0.0.13/24').ok).toBe(true);
    expect(stations(a)).toEqual([]);
    mesh.heal();
    mesh.until(() => stations(a).length === 1 && stations(b).length === 1, 45_000);
    expect(mesh.agreed()).toBe(true);
  });
});

describe('attach', () => {
  it('that waited for the first sync sees what the sync brought', () => {
    const { mesh, a } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.run(200);
    const late = mesh.add([a]);
    late.running.set('box4', '/run/netns/box4');
    const container = { id: 'box4', name: 'box4', sandbox: '/run/netns/box4' };
    const addresses = [cidr('10.0.0.11/24')];
    const reply = mesh.command(late, { kind: 'attach', container, network: 'mesh', addresses });
    expect(late.host.report(mesh.now).state).toBe('joining');
    mesh.until(() => reply() !== undefined);
    expect(reply()).toMatchObject({ ok: false, problem: { code: 'address-taken', holder: 'box1' } });
    expect(late.plumbed.size).toBe(0);
  });

  it('tells every other host, which forwards to the right VTEP', () => {
    const { mesh, a, b, c } = three();
    expect(attach(mesh, a, 'box1', '10.0.0.11/24')).toMatchObject({
      ok: true,
      value: { addresses: ['10.0.0.11'] },
    });
    mesh.run(200);
    expect(stations(b)).toEqual(['10.0.0.11@192.168.0.1']);
    expect(stations(c)).toEqual(['10.0.0.11@192.168.0.1']);
    expect(stations(a)).toEqual([]);
  });

  it('takes an address that is given twice once', () => {
    const { mesh, a } = three();
    const reply = attach(mesh, a, 'box1', '10.0.0.11/24', '10.0.0.11/24');
    expect(reply).toMatchObject({ ok: true, value: { addresses: ['10.0.0.11'] } });
  });

  it('changes nothing when repeated', () => {
    const { mesh, a } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    const before = a.host.report(mesh.now).endpoints;
    expect(attach(mesh, a, 'box1', '10.0.0.11/24').ok).toBe(true);
    expect(a.host.report(mesh.now).endpoints).toEqual(before);
  });

  it.each([
    ['10.0.0.0/24', 'address-unusable'],
    ['10.0.0.255/24', 'address-unusable'],
    ['127.0.0.1/8', 'address-unusable'],
    ['239.1.1.1/24', 'address-unusable'],
    ['10.0.0.11/0', 'address-unusable'],
  ])('refuses %s: %s', (address, code) => {
    const { mesh, a } = three();
    expect(attach(mesh, a, 'box1', address)).toMatchObject({ ok: false, problem: { code } });
    expect(a.plumbed.size).toBe(0);
    expect(a.host.report(mesh.now).dormant).toEqual([]);
  });

  it('refuses an address with another prefix than the container has it with', () => {
    const { mesh, a } = three();
    expect(attach(mesh, a, 'box1', '10.0.0.11/24', '10.0.0.11/16').ok).toBe(false);
    attach(mesh, a, 'box1', '10.0.0.11/24');
    expect(attach(mesh, a, 'box1', '10.0.0.11/16')).toMatchObject({
      problem: { code: 'address-unusable', value: '10.0.0.11/16' },
    });
  });

  it('refuses an address that another host holds, and says who has it', () => {
    const { mesh, a, c } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.run(200);
    expect(attach(mesh, c, 'box2', '10.0.0.11/24')).toMatchObject({
      ok: false,
      problem: { code: 'address-taken', value: '10.0.0.11', holder: 'box1', host: 'host1' },
    });
    expect(c.plumbed.size).toBe(0);
  });

  it('refuses a container that ended meanwhile, and leaves nothing', () => {
    const { mesh, a } = three();
    const container = { id: 'gone', name: 'gone', sandbox: '/run/netns/0' };
    const reply = mesh.command(a, {
      kind: 'attach',
      container,
      network: 'mesh',
      addresses: [cidr('10.0.0.9/24')],
    });
    mesh.until(() => reply() !== undefined);
    expect(reply()).toMatchObject({ ok: false, problem: { code: 'container-gone' } });
    expect(a.host.report(mesh.now)).toMatchObject({ endpoints: [], dormant: [] });
  });

  it('gives a MAC that goes with the address, another where that is in use', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24', '10.0.0.12/24');
    const detached = mesh.command(a, {
      kind: 'detach',
      container: 'box1',
      network: 'mesh',
      addresses: [cidr('10.0.0.11/24')],
    });
    mesh.until(() => detached() !== undefined);
    mesh.run(200);
    attach(mesh, b, 'box2', '10.0.0.11/24');
    mesh.run(200);
    const macs = a.host.report(mesh.now).endpoints.map(endpoint => endpoint.mac);
    expect(new Set(macs).size).toBe(2);
  });
});

describe('one address taken on two hosts that could not see each other', () => {
  it('stands with the earlier; both hosts show it, and the later container loses the address', () => {
    const { mesh, a, b, c } = three();
    mesh.cut(a, c);
    mesh.cut(b, c);
    mesh.run(20_000);
    attach(mesh, a, 'box1', '10.0.0.11/24');
    attach(mesh, c, 'filler', '10.0.0.98/24');
    attach(mesh, c, 'filler2', '10.0.0.99/24');
    attach(mesh, c, 'box2', '10.0.0.11/24');
    mesh.heal();
    mesh.until(() => mesh.agreed() && a.host.report(mesh.now).endpoints.length === 4, 60_000);
    mesh.run(1_000);
    const [holder, loser] = a.host.report(mesh.now).endpoints;
    expect(holder).toMatchObject({ containerName: 'box1', conflict: undefined });
    expect(loser).toMatchObject({ containerName: 'box2', conflict: { containerName: 'box1' } });
    expect([...c.plumbed.keys()].sort()).toEqual(['mesh/filler', 'mesh/filler2']);
    expect(c.host.report(mesh.now).dormant).toMatchObject([{ containerName: 'box2' }]);

    const freed = mesh.command(a, { kind: 'detach', container: 'box1', network: 'mesh', addresses: [] });
    mesh.until(() => freed() !== undefined);
    mesh.until(() => c.plumbed.has('mesh/box2') && stations(b).includes('10.0.0.11@192.168.0.3'), 5_000);
  });
});

describe('one address lost to another host while the router was down', () => {
  it('is taken from the interface that the earlier router made', () => {
    const { mesh, a, b, c } = three();
    mesh.cut(a, c);
    mesh.cut(b, c);
    mesh.run(20_000);
    attach(mesh, a, 'box1', '10.0.0.11/24');
    attach(mesh, c, 'filler', '10.0.0.98/24');
    attach(mesh, c, 'box2', '10.0.0.11/24');
    mesh.heal();
    mesh.restart(c);
    mesh.until(() => !c.plumbed.has('mesh/box2'), 30_000);
    expect(c.plumbed.has('mesh/filler')).toBe(true);
  });
});

describe('containers', () => {
  it('that die lose their address for the others, and get it back when they restart', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.run(200);
    a.running.delete('box1');
    mesh.deliver(a, { kind: 'container-died', id: 'box1' });
    mesh.run(200);
    expect(stations(b)).toEqual([]);
    expect(a.host.report(mesh.now).dormant).toMatchObject([
      { containerName: 'box1', addresses: ['10.0.0.11/24'] },
    ]);
    a.running.set('box1', '/run/netns/new');
    mesh.deliver(a, {
      kind: 'container-started',
      container: { id: 'box1', name: 'box1', sandbox: '/run/netns/new' },
    });
    mesh.run(200);
    expect(stations(b)).toEqual(['10.0.0.11@192.168.0.1']);
    expect(a.plumbed.get('mesh/box1')?.sandbox).toBe('/run/netns/new');
  });

  it('that die while they are attached once more get an answer, and their network back when they restart', () => {
    const { mesh, a } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    const container = { id: 'box1', name: 'box1', sandbox: a.running.get('box1')! };
    const addresses = [cidr('10.0.0.12/24')];
    a.running.delete('box1');
    const reply = mesh.command(a, { kind: 'attach', container, network: 'mesh', addresses });
    mesh.deliver(a, { kind: 'container-died', id: 'box1' });
    mesh.until(() => reply() !== undefined);
    expect(reply()).toMatchObject({ ok: false, problem: { code: 'container-gone' } });
    a.running.set('box1', '/run/netns/again');
    const again = { id: 'box1', name: 'box1', sandbox: '/run/netns/again' };
    mesh.deliver(a, { kind: 'container-started', container: again });
    mesh.until(() => a.plumbed.get('mesh/box1')?.sandbox === '/run/netns/again', 5_000);
  });

  it('that restart while they are attached once more get an answer, and their network back', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    const container = { id: 'box1', name: 'box1', sandbox: a.running.get('box1')! };
    a.running.set('box1', '/run/netns/again');
    const addresses = [cidr('10.0.0.12/24')];
    const reply = mesh.command(a, { kind: 'attach', container, network: 'mesh', addresses });
    const again = { id: 'box1', name: 'box1', sandbox: '/run/netns/again' };
    mesh.deliver(a, { kind: 'container-started', container: again });
    mesh.until(() => reply() !== undefined);
    expect(reply()).toMatchObject({ ok: false, problem: { code: 'container-gone' } });
    mesh.until(() => a.plumbed.get('mesh/box1')?.sandbox === '/run/netns/again', 5_000);
    mesh.run(2_000);
    expect(stations(b)).toEqual(['10.0.0.11@192.168.0.1']);
  });

  it('that die while nobody has been heard yet cost a fact only once somebody was', () => {
    const { mesh, a, b, c } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.run(6_000);
    const before = a.host.facts.ownSeq();
    mesh.cut(a, b);
    mesh.cut(a, c);
    a.running.delete('box1');
    mesh.restart(a);
    mesh.run(1_000);
    expect(a.host.state).toBe('joining');
    expect(a.host.facts.ownSeq()).toBe(before);
    mesh.heal();
    mesh.until(() => stations(b).length === 0);
  });

  it('that are removed are forgotten', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.deliver(a, { kind: 'container-removed', id: 'box1' });
    mesh.run(200);
    expect(stations(b)).toEqual([]);
    expect(a.host.report(mesh.now).dormant).toEqual([]);
    expect(attach(mesh, b, 'box2', '10.0.0.11/24').ok).toBe(true);
  });
});

describe('restart', () => {
  it('keeps what was attached, under the same facts', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.run(200);
    const before = b.host.report(mesh.now).endpoints;
    mesh.restart(a);
    mesh.run(5_000);
    expect(b.host.report(mesh.now).endpoints).toEqual(before);
    expect(a.plumbed.has('mesh/box1')).toBe(true);
    expect(mesh.agreed()).toBe(true);
  });

  it('withdraws what was attached to containers that ended meanwhile', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.run(200);
    a.running.delete('box1');
    mesh.restart(a);
    mesh.until(() => stations(b).length === 0);
    expect(a.plumbed.size).toBe(0);
  });

  it('keeps forwarding what the kernel holds until it has heard the others again', () => {
    const { mesh, a, b, c } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.run(200);
    mesh.cut(a, b);
    mesh.cut(b, c);
    // Killed before it stored what it had learnt.
    for (const key of b.disk.keys()) if (key.startsWith('replica/')) b.disk.delete(key);
    mesh.restart(b);
    expect(b.host.report(mesh.now).state).toBe('joining');
    expect(stations(b)).toEqual(['10.0.0.11@192.168.0.1']);
    expect(b.host.forwarding().peers).toContain('192.168.0.1');
  });

  it('from a disk that was rolled back issues its facts anew above what others hold', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    const backup = new Map(a.disk);
    attach(mesh, a, 'box2', '10.0.0.12/24');
    mesh.run(200);
    a.disk.clear();
    for (const [key, value] of backup) a.disk.set(key, value);
    mesh.restart(a);
    mesh.until(() => stations(b).length === 1 && mesh.agreed(), 30_000);
    expect(stations(b)).toEqual(['10.0.0.11@192.168.0.1']);
  });
});

describe('commands', () => {
  it('leave withdraws everything that a host said', () => {
    const { mesh, a, b } = three();
    attach(mesh, a, 'box1', '10.0.0.11/24');
    mesh.run(200);
    const left = mesh.command(a, { kind: 'leave' });
    mesh.until(() => left() !== undefined);
    expect(left()).toMatchObject({
      ok: true,
      value: { detached: [{ containerName: 'box1', addresses: ['10.0.0.11'] }] },
    });
    mesh.until(() => b.host.report(mesh.now).peers.length === 2);
    expect(stations(b)).toEqual([]);
    expect(a.plumbed.size).toBe(0);
  });

  it('connect and forget change the targets, which outlive a restart', () => {
    const { mesh, a } = three();
    mesh.command(a, { kind: 'connect', peers: ['192.168.9.9:6783'], replace: false });
    expect(a.host.report(mesh.now).targets).toEqual(['192.168.9.9:6783']);
    mesh.restart(a);
    expect(a.host.report(mesh.now).targets).toEqual(['192.168.9.9:6783']);
    mesh.command(a, { kind: 'forget', peers: ['192.168.9.9:6783'] });
    expect(a.host.report(mesh.now).targets).toEqual([]);
  });

  it('forget leaves a peer alone that others would lead to, until it is asked for again or calls itself', () => {
    const { mesh, a, b, c } = three();
    const isNeighbour = () =>
      a.host
        .report(mesh.now)
        .connections.some(({ peer, state }) => peer?.id === c.peer && state === 'established');
    mesh.until(isNeighbour);
    mesh.command(a, { kind: 'forget', peers: [c.address] });
    mesh.command(c, { kind: 'forget', peers: [a.address] });
    mesh.run(5_000);
    expect(isNeighbour()).toBe(true);
    mesh.cut(a, c);
    mesh.run(30_000);
    mesh.heal();
    mesh.run(60_000);
    expect(isNeighbour()).toBe(false);
    // Not by a restart either.
    mesh.restart(a);
    mesh.run(30_000);
    expect(isNeighbour()).toBe(false);
    expect(b.host.report(mesh.now).peers).toHaveLength(3);
    mesh.command(a, { kind: 'connect', peers: [c.address], replace: false });
    mesh.until(isNeighbour);
  });

  it('connect to oneself is shown as what it is', () => {
    const { mesh, a } = three();
    mesh.command(a, { kind: 'connect', peers: [a.address], replace: false });
    mesh.run(1_000);
    const shown = a.host.report(mesh.now).connections.find(({ address }) => address === a.address);
    expect(shown).toMatchObject({ state: 'failed', problem: { code: 'peer-is-self' } });
  });

  it('leave says nothing more afterwards', () => {
    const { mesh, a, b } = three();
    mesh.command(a, { kind: 'leave' });
    mesh.run(5_000);
    expect(b.host.report(mesh.now).peers).toHaveLength(2);
    expect(attach(mesh, a, 'box1', '10.0.0.11/24')).toMatchObject({
      ok: false,
      problem: { code: 'router-leaving' },
    });
  });

  it('leave answers who waits for the kernel', () => {
    const { mesh, a } = three();
    const container = { id: 'box1', name: 'box1', sandbox: '/run/netns/box1' };
    a.running.set('box1', container.sandbox);
    const addresses = [cidr('10.0.0.11/24')];
    const reply = mesh.command(a, { kind: 'attach', container, network: 'mesh', addresses });
    expect(reply()).toBeUndefined();
    mesh.command(a, { kind: 'leave' });
    mesh.run(1_000);
    expect(reply()).toMatchObject({ ok: false, problem: { code: 'router-leaving' } });
    expect(a.plumbed.size).toBe(0);
  });

  it('detach of what is not attached is refused', () => {
    const { mesh, a } = three();
    const reply = mesh.command(a, { kind: 'detach', container: 'nobody', network: 'mesh', addresses: [] });
    expect(reply()).toMatchObject({ ok: false, problem: { code: 'not-attached' } });
  });
});

describe('silence', () => {
  it('is shown as suspect after 3 s, as down after 10 s, and ends the connection after 15 s', () => {
    const { mesh, a, b } = three();
    mesh.cut(a, b);
    mesh.run(3_500);
    const connection = a.host.report(mesh.now).connections.find(one => one.peer?.id === b.peer);
    expect(connection?.state).toBe('suspect');
    mesh.run(7_500);
    expect(a.host.report(mesh.now).connections.find(one => one.peer?.id === b.peer)?.state).toBe('down');
    mesh.run(5_500);
    expect(a.host.report(mesh.now).connections.find(one => one.peer?.id === b.peer)?.state).toMatch(
      /connecting|retrying/,
    );
  });
});

describe('an outage', () => {
  const stateOf = (mesh: VirtualMesh, at: VirtualHost, peer: PeerId) =>
    at.host.report(mesh.now).connections.find(one => one.peer?.id === peer)?.state;
  const echo = (peer: PeerId) => ({ kind: 'path-measured', peer, way: 0, size: 96 }) as const;

  it('ends a connection that is stuck when the host answers again, so that another is made at once', () => {
    const { mesh, a, b } = three();
    mesh.cut(a, b);
    mesh.run(8_000);
    expect(stateOf(mesh, a, b.peer)).toBe('suspect');
    mesh.deliver(a, { ...echo(b.peer), rttMs: 1 });
    mesh.run(10);
    expect(a.logs.at(-1)).toMatchObject({
      data: { peer: b.peer, reason: 'stuck since an outage that is over' },
    });
    mesh.heal();
    mesh.run(1_500);
    expect(stateOf(mesh, a, b.peer)).toBe('established');
  });

  it('is none where only a router is silent, or only an echo was lost', () => {
    const { mesh, a, b } = three();
    for (const rttMs of [undefined, 1]) mesh.deliver(a, { ...echo(b.peer), rttMs });
    mesh.run(10);
    expect(stateOf(mesh, a, b.peer)).toBe('established');
    b.isDown = true;
    mesh.run(8_000);
    expect(stateOf(mesh, a, b.peer)).toBe('suspect');
  });
});

describe('a router that is gone', () => {
  it('is shown as unreachable, whatever it said of its connections; and reachable when it is back', () => {
    const { mesh, a, b, c } = three();
    mesh.cut(a, b);
    mesh.cut(a, c);
    mesh.run(20_000);
    const seen = (by: VirtualHost, of: VirtualHost) =>
      by.host.report(mesh.now).peers.find(({ id }) => id === of.peer);
    expect(seen(b, a)).toMatchObject({ reachable: false, connections: [] });
    expect(seen(a, c)).toMatchObject({ reachable: false, connections: [] });
    expect(seen(b, c)).toMatchObject({ reachable: true });
    mesh.heal();
    mesh.run(40_000);
    expect(seen(c, a)).toMatchObject({ reachable: true });
    expect(seen(c, a)?.connections.length).toBeGreaterThan(0);
  });
});

describe('a router that starts over a kernel that reaches others', () => {
  it('keeps that until it has heard them, though it was given nobody and its disk tells of nobody', () => {
    const mesh = createVirtualMesh({ seed: 4 });
    const a = mesh.add();
    const b = mesh.add([a]);
    mesh.run(5_000);
    attach(mesh, b, 'box1', '10.0.0.11/24');
    mesh.run(1_000);
    const stations = () =>
      a.host.forwarding().networks.flatMap(network => network.stations.map(({ address }) => address));
    const before = stations();
    expect(before).toContain('10.0.0.11');
    a.disk.clear();
    mesh.cut(a, b);
    mesh.restart(a);
    expect(stations()).toEqual(before);
    mesh.run(2_500);
    expect(stations()).toEqual(before);
    mesh.run(1_000);
    expect(stations()).toEqual([]);
  });
});
