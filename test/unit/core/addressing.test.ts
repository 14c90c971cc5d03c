import { describe, expect, it } from 'vitest';
import { contains, type Ipv4, type Mac, type PeerId } from '../../../src/core/address.ts';
import { personalRecords } from '../../../src/core/host/durability.ts';
import type { IpamConfig } from '../../../src/core/host/step.ts';
import { CUSTODY_KEY, decodeCustody, IPAM } from '../../../src/core/ipam/custody.ts';
import { WANT_KEY } from '../../../src/core/ipam/want.ts';
import type { Facts } from '../../../src/core/replica.ts';
import { allocate, ask, attach, cidr, claim, ipam, three } from '../../support/address-mesh.ts';
import { createVirtualMesh } from '../../support/virtual-mesh.ts';

describe('a host alone', () => {
  it('gives the lowest free address, and the same one to who asks again', () => {
    const mesh = createVirtualMesh({ seed: 1, ipam: ipam() });
    const a = mesh.add();
    expect(allocate(mesh, a, 'one')).toBe('10.32.0.1');
    expect(allocate(mesh, a, 'two')).toBe('10.32.0.2');
    expect(allocate(mesh, a, 'one')).toBe('10.32.0.1');
    expect(ask(mesh, a, { kind: 'release', owner: 'one', addresses: [] }).ok).toBe(true);
    expect(allocate(mesh, a, 'three')).toBe('10.32.0.1');
    expect(allocate(mesh, a, 'two', '10.32.0.64/26')).toBe('10.32.0.65');
    // What was given with another prefix would not reach the others of that subnet.
    expect(allocate(mesh, a, 'four', '10.32.0.64/26')).toBe('10.32.0.66');
    expect(allocate(mesh, a, 'four')).toBe('10.32.0.3');
    expect(allocate(mesh, a, 'four', '10.32.0.64/26')).toBe('10.32.0.66');
  });

  it('files what nobody in particular asked for under the address itself', () => {
    const mesh = createVirtualMesh({ seed: 1, ipam: ipam() });
    const a = mesh.add();
    expect([allocate(mesh, a, '_'), allocate(mesh, a, '_')]).toEqual(['10.32.0.1', '10.32.0.2']);
    expect(claim(mesh, a, '_', '10.32.0.9/24')).toBe('10.32.0.9');
    expect(a.host.allocations.map(({ owner }) => owner)).toEqual(['10.32.0.1', '10.32.0.2', '10.32.0.9']);
    mesh.restart(a);
    expect(a.host.allocatedTo('10.32.0.2')).toEqual([cidr('10.32.0.2/24')]);
  });

  it('is primed once the universe is divided, and has given nothing for that', () => {
    const mesh = createVirtualMesh({ seed: 1, ipam: ipam() });
    const a = mesh.add();
    expect(ask(mesh, a, { kind: 'prime' }).ok).toBe(true);
    expect(ask(mesh, a, { kind: 'prime' }).ok).toBe(true);
    expect(a.host.allocations).toEqual([]);
    expect(a.host.report(mesh.now).ipam).toMatchObject({ state: 'ready', given: 0, free: 253 });
  });

  it('gives all but network, broadcast and service address, then says that none is left', () => {
    const mesh = createVirtualMesh({ seed: 1, ipam: ipam({ timeoutMs: 100 }) });
    const a = mesh.add();
    const given = Array.from({ length: 5 }, (_, index) => allocate(mesh, a, `box${index}`, '10.32.0.8/29'));
    expect(given).toEqual(['10.32.0.9', '10.32.0.10', '10.32.0.11', '10.32.0.12', '10.32.0.13']);
    expect(allocate(mesh, a, 'more', '10.32.0.8/29')).toBe('space-exhausted');
  });

  it.each([
    ['10.33.0.0/24', 'subnet-outside'],
    ['10.0.0.0/8', 'subnet-outside'],
    ['10.32.0.1/24', 'subnet-bits'],
    ['10.32.0.4/31', 'subnet-small'],
    ['10.32.0.4/32', 'subnet-small'],
  ])('refuses the subnet %s: %s', (subnet, code) => {
    const mesh = createVirtualMesh({ seed: 1, ipam: ipam() });
    expect(allocate(mesh, mesh.add(), 'box', subnet)).toBe(code);
  });

  it('gives nothing that somebody has, after a restart too', () => {
    const mesh = createVirtualMesh({ seed: 1, ipam: ipam() });
    const a = mesh.add();
    expect(allocate(mesh, a, 'one')).toBe('10.32.0.1');
    mesh.restart(a);
    mesh.run(10_000);
    expect(allocate(mesh, a, 'two')).toBe('10.32.0.2');
    expect(allocate(mesh, a, 'one')).toBe('10.32.0.1');
    expect(claim(mesh, a, 'two', '10.32.0.1/24')).toBe('address-taken');
    expect(ask(mesh, a, { kind: 'release', owner: 'two', addresses: ['10.32.0.1' as Ipv4] })).toMatchObject({
      problem: { code: 'address-unallocated' },
    });
  });
});

describe('several hosts', () => {
  it.each(['10.32.0.254/24', '10.32.0.255/24', '10.32.0.0/24', '10.32.0.254/16', '10.32.0.254/32'])(
    'keep %s for the mesh itself, wherever it is asked for',
    address => {
      const { mesh, a, c } = three();
      for (const host of [a, c]) {
        const before = mesh.now;
        expect(claim(mesh, host, 'box', address)).toBe('address-unusable');
        expect(attach(mesh, host, 'box', address)).toBe('address-unusable');
        expect(mesh.now).toBe(before);
      }
    },
  );

  it('ask one another for space, and never give one address twice', () => {
    const { mesh, a, b, c } = three();
    const given = [];
    for (let round = 0; round < 40; round += 1) {
      for (const host of [a, b, c]) given.push(allocate(mesh, host, `box${round}-${host.address}`));
    }
    expect(given.filter(address => contains(cidr('10.32.0.0/24'), address as Ipv4))).toHaveLength(120);
    expect(new Set(given).size).toBe(120);
  });

  it('give all there is between them', () => {
    const { mesh, a, b, c } = three({ timeoutMs: 5_000 });
    const given = new Set<string>();
    for (let round = 0; round < 253; round += 1) {
      const host = [a, b, c][round % 3]!;
      given.add(allocate(mesh, host, `box${round}`));
    }
    expect(given.size).toBe(253);
    expect(given).not.toContain('space-exhausted');
    expect(allocate(mesh, a, 'more')).toBe('space-exhausted');
  });

  it('claim an address from whoever holds it', () => {
    const { mesh, a, b } = three();
    expect(allocate(mesh, a, 'one')).toBe('10.32.0.1');
    expect(claim(mesh, b, 'mine', '10.32.0.77/24')).toBe('10.32.0.77');
    expect(claim(mesh, b, 'mine', '10.32.0.1/24')).toBe('address-elsewhere');
    expect(claim(mesh, a, 'other', '10.32.0.77/24')).toBe('address-elsewhere');
  });

  it('give no share twice to who lost its disk and kept its name', () => {
    const name = '02:00:00:00:00:01' as Mac;
    const { mesh, a, b } = three({}, { names: [name, undefined, undefined, name] });
    expect(allocate(mesh, a, 'one')).toBe('10.32.0.1');
    expect(allocate(mesh, b, 'two')).toMatch(/^10\.32\.0\./);
    mesh.kill(a);
    // Of two that claim one share, the lower id would win.
    const again = mesh.add([b], 'peer-0000' as PeerId);
    mesh.run(5_000);
    expect(claim(mesh, again, 'three', '10.32.0.1/24')).not.toBe('10.32.0.1');
    expect(allocate(mesh, again, 'four')).toMatch(/^10\.32\.0\.(?!1$)/);
  });

  it('say who holds the space when those are silent, and go on when they return', () => {
    const { mesh, a, b } = three();
    mesh.cut(a, b);
    mesh.cut(a, mesh.hosts[2]!);
    mesh.run(20_000);
    const reply = ask(mesh, b, { kind: 'allocate', owner: 'box', subnet: undefined });
    expect(reply).toMatchObject({
      problem: { code: 'space-silent', holders: expect.stringMatching(/^host1 \(silent for \d+ s\)$/) },
    });
    mesh.heal();
    mesh.run(40_000);
    expect(allocate(mesh, b, 'box')).toMatch(/^10\.32\.0\./);
  });
});

describe('the first division', () => {
  it('is agreed on by a majority of those expected', () => {
    const mesh = createVirtualMesh({
      seed: 3,
      ipam: ipam({ init: { kind: 'consensus', electorate: 3, named: [] }, timeoutMs: 2_000 }),
    });
    const a = mesh.add();
    mesh.run(3_000);
    expect(allocate(mesh, a, 'box')).toBe('ring-undivided');
    expect(ask(mesh, a, { kind: 'prime' })).toMatchObject({
      problem: { code: 'ring-undivided', value: '10.32.0.0/24' },
    });
    const b = mesh.add([a]);
    mesh.run(2_000);
    const [first, second] = [allocate(mesh, a, 'one'), allocate(mesh, b, 'two')];
    expect([first, second]).not.toContain('ring-undivided');
    expect(first).not.toBe(second);
  });

  it('waits where the others give out another range, and says which', () => {
    const init = (targets: readonly string[]) =>
      ({ kind: 'consensus', electorate: undefined, named: targets }) as const;
    const mesh = createVirtualMesh({
      seed: 1,
      ipam: targets => {
        const text = targets.length === 0 ? '10.32.0.0/24' : '10.64.0.0/16';
        return {
          ...ipam({ timeoutMs: 1_000 })(targets),
          universe: cidr(text),
          defaultSubnet: cidr(text),
          init: init(targets),
        };
      },
    });
    const a = mesh.add();
    const b = mesh.add([a]);
    mesh.run(3_000);
    expect(allocate(mesh, a, 'box')).toBe('10.32.0.1');
    expect(ask(mesh, b, { kind: 'allocate', owner: 'box', subnet: undefined })).toMatchObject({
      problem: {
        code: 'ring-undivided',
        why: 'host1 gives out 10.32.0.0/24, and this host was launched with --ipalloc-range 10.64.0.0/16: all hosts take the same',
      },
    });
    expect(b.host.report(mesh.now).networks[0]?.subnets).toEqual(['10.64.0.0/16']);
  });

  it('is agreed on once, whoever starts it and whoever restarts meanwhile', () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const mesh = createVirtualMesh({
        seed,
        loss: 0.1,
        delayMs: 30,
        ipam: ipam({ init: { kind: 'consensus', electorate: 3, named: [] } }),
      });
      const a = mesh.add();
      const hosts = [a, mesh.add([a]), mesh.add([a])];
      mesh.run(3_500);
      const replies = hosts.map(host =>
        mesh.command(host, { kind: 'allocate', owner: 'x', subnet: undefined }),
      );
      mesh.run(seed * 5);
      mesh.restart(hosts[seed % 3]!);
      mesh.until(
        () => replies.filter((reply, index) => index === seed % 3 || reply() !== undefined).length === 3,
        15_000,
      );
      mesh.run(15_000);
      const given = hosts.map((host, index) => allocate(mesh, host, `y${index}`));
      expect(new Set(given).size, `seed ${seed}: ${given}`).toBe(3);
      expect(
        given.filter(address => address.startsWith('10.32.')),
        `seed ${seed}`,
      ).toHaveLength(3);
    }
  });
});

describe('what one identity stands by', () => {
  it('is its facts and what it gave out, not what containers have or whom it dials', () => {
    const { mesh, a } = three();
    allocate(mesh, a, 'a program');
    attach(mesh, a, 'box1');
    const gone = personalRecords(a.disk);
    expect(gone).toEqual(expect.arrayContaining(['head', 'own/ipam/custody', 'address/10.32.0.1']));
    const left = [...a.disk.keys()].filter(key => !gone.includes(key) && !key.startsWith('replica/'));
    expect(left.sort()).toEqual(['attachment/mesh/box1', 'launch', 'targets']);
  });
});

describe('the share of a seed that never came', () => {
  it('is shown, with whom it is for', () => {
    const names = ['02:00:00:00:00:01' as Mac, '02:00:00:00:00:02' as Mac];
    const seeds: IpamConfig['init'] = { kind: 'seed', names };
    const mesh = createVirtualMesh({ seed: 1, ipam: ipam({ init: seeds }) });
    const a = mesh.add();
    expect(a.host.report(mesh.now).ipam?.untaken).toEqual(
      names.map(name => ({ name, peer: undefined, addresses: 128 })),
    );
    expect(claim(mesh, a, 'box', '10.32.0.200/24')).toBe('space-exhausted');
  });
});

describe('attach', () => {
  it('without an address gives one', () => {
    const { mesh, a, b } = three();
    expect(attach(mesh, a, 'box1')).toBe('10.32.0.1');
    expect(attach(mesh, a, 'box1')).toBe('10.32.0.1');
    expect(attach(mesh, b, 'box2')).toMatch(/^10\.32\.0\.\d+$/);
    expect(attach(mesh, b, 'box3', '10.32.0.1/24')).toBe('address-taken');
    expect(attach(mesh, b, 'box3', '10.32.0.200/24', '10.0.0.7/24')).toBe('10.32.0.200 10.0.0.7');
  });

  it('that waits for an address while the container starts again is told so, and changes nothing', () => {
    const { mesh, a, b } = three();
    attach(mesh, b, 'box1');
    mesh.run(500);
    mesh.cut(a, b);
    mesh.cut(a, mesh.hosts[2]!);
    const container = { id: 'box1', name: 'box1', sandbox: b.running.get('box1')! };
    const addresses = [cidr('10.32.0.1/24')];
    const reply = mesh.command(b, { kind: 'attach', container, network: 'mesh', addresses });
    mesh.run(500);
    expect(reply()).toBeUndefined();
    b.running.set('box1', '/run/netns/again');
    mesh.deliver(b, { kind: 'container-started', container: { ...container, sandbox: '/run/netns/again' } });
    mesh.run(500);
    mesh.heal();
    mesh.until(() => reply() !== undefined, 60_000);
    expect(reply()).toMatchObject({ ok: false });
    mesh.run(1_000);
    expect(b.plumbed.get('mesh/box1')).toMatchObject({ sandbox: '/run/netns/again' });
    expect(b.plumbed.get('mesh/box1')?.addresses).toHaveLength(1);
  });

  it('that fails leaves the address free', () => {
    const { mesh, a } = three();
    const container = { id: 'gone', name: 'gone', sandbox: '/run/netns/gone' };
    expect(ask(mesh, a, { kind: 'attach', container, network: 'mesh', addresses: [] })).toMatchObject({
      problem: { code: 'container-gone' },
    });
    expect(attach(mesh, a, 'box1')).toBe('10.32.0.1');
  });

  it('is kept while the container restarts, freed 30 s after it died, and renewed', () => {
    const { mesh, a } = three();
    attach(mesh, a, 'box1');
    mesh.run(100);
    const die = (): void => {
      a.running.delete('box1');
      mesh.deliver(a, { kind: 'container-died', id: 'box1' });
    };
    const start = (sandbox: string): void => {
      a.running.set('box1', sandbox);
      mesh.deliver(a, { kind: 'container-started', container: { id: 'box1', name: 'box1', sandbox } });
    };
    die();
    mesh.run(10_000);
    start('/run/netns/again');
    expect(attach(mesh, a, 'box2')).toBe('10.32.0.2');
    mesh.run(60_000);
    expect(a.plumbed.get('mesh/box1')?.addresses).toEqual([cidr('10.32.0.1/24')]);
    die();
    mesh.run(31_000);
    expect(attach(mesh, a, 'box3')).toBe('10.32.0.1');
    start('/run/netns/third');
    mesh.run(1_000);
    expect(a.plumbed.get('mesh/box1')?.addresses).toEqual([cidr('10.32.0.3/24')]);
    mesh.deliver(a, { kind: 'container-removed', id: 'box1' });
    mesh.run(100);
    expect(attach(mesh, a, 'box4')).toBe('10.32.0.3');
  });
});

describe('a router that was killed', () => {
  it('does not ask any more for what somebody waited for before', () => {
    const { mesh, a, b } = three();
    expect(allocate(mesh, a, 'first')).toBe('10.32.0.1');
    mesh.cut(a, b);
    mesh.command(b, { kind: 'claim', owner: 'box', address: cidr('10.32.0.1/24') });
    mesh.command(b, { kind: 'claim', owner: 'box', address: cidr('10.32.0.2/24') });
    const isWanting = () => [...b.host.facts.ofOwner(b.peer)].some(({ key }) => key === WANT_KEY);
    mesh.until(isWanting);
    mesh.restart(b);
    mesh.heal();
    mesh.until(() => b.host.state === 'ready');
    mesh.run(100);
    expect(isWanting()).toBe(false);
  });

  it('knows on disk that a giver has let go of a grant before it forgets that it took it', () => {
    const { mesh, a, b, c } = three();
    expect(allocate(mesh, a, 'first')).toBe('10.32.0.1');
    const given = mesh.command(b, { kind: 'allocate', owner: 'box', subnet: undefined });
    const isRemembered = () => receivedOf(b.host.facts, b.peer).has(a.peer);
    mesh.until(isRemembered);
    for (const other of [b, c]) mesh.cut(a, other);
    mesh.run(2_000);
    mesh.heal();
    mesh.until(() => !isRemembered());
    expect(given()?.ok).toBe(true);
    mesh.restart(b);
    expect(receivedOf(b.host.facts, b.peer).has(a.peer)).toBe(false);
    const custody = b.host.facts.get(a.peer, IPAM, CUSTODY_KEY)?.value;
    expect(custody && decodeCustody(custody)?.grants).toEqual([]);
  });
});

const receivedOf = (facts: Facts, peer: PeerId): ReadonlyMap<PeerId, number> => {
  const value = facts.get(peer, IPAM, CUSTODY_KEY)?.value;
  return (value && decodeCustody(value)?.received) ?? new Map();
};
