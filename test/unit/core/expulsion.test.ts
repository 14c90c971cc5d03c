import { describe, expect, it } from 'vitest';
import { CUSTODY_KEY, IPAM } from '../../../src/core/ipam/custody.ts';
import { WANT_KEY } from '../../../src/core/ipam/want.ts';
import { REMOVALS } from '../../../src/core/removals/removal.ts';
import { allocate, ask, attach, cidr, claim, three } from '../../support/address-mesh.ts';
import type { VirtualHost, VirtualMesh } from '../../support/virtual-mesh.ts';

const remove = (mesh: VirtualMesh, host: VirtualHost, gone: VirtualHost, force = false) =>
  mesh.command(host, { kind: 'remove-peer', peer: gone.peer, force });

const spaceOf = (mesh: VirtualMesh, host: VirtualHost): string =>
  host.host
    .report(mesh.now)
    .ipam!.shares.filter(({ addresses }) => addresses > 0)
    .map(({ peer, addresses }) => `${peer.nickname} ${addresses}`)
    .sort()
    .join(', ');

/** Gives b and c some space of their own, and cuts `gone` off for good. */
function withoutA(options: Parameters<typeof three>[0] = {}) {
  const { mesh, a, b, c } = three(options);
  expect(attach(mesh, a, 'lost1')).toBe('10.32.0.1');
  expect(allocate(mesh, b, 'box-b')).toMatch(/^10\.32\.0\./);
  expect(allocate(mesh, c, 'box-c')).toMatch(/^10\.32\.0\./);
  mesh.run(1_000);
  mesh.cut(a, b);
  mesh.cut(a, c);
  mesh.run(30_000);
  return { mesh, a, b, c };
}

describe('a peer that is gone', () => {
  it('is removed on two hosts at once with one result: one of them has all its space', () => {
    const { mesh, a, b, c } = withoutA();
    const replies = [remove(mesh, b, a), remove(mesh, c, a)];
    mesh.run(2_000);
    expect(replies.map(reply => reply()?.ok)).toEqual([true, true]);
    expect(spaceOf(mesh, b)).toBe(spaceOf(mesh, c));
    expect(spaceOf(mesh, b)).not.toContain('host1');
    const sizes = b.host.report(mesh.now).ipam!.shares.map(({ addresses }) => addresses);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(256);
    expect(b.host.report(mesh.now).peers.map(({ nickname }) => nickname)).toEqual(['host2', 'host3']);
  });

  it('is removed with the same words where another host was faster', () => {
    const { mesh, a, b, c } = withoutA();
    const first = remove(mesh, b, a);
    mesh.run(2_000);
    const second = remove(mesh, c, a);
    mesh.run(2_000);
    const told = (reply: typeof first) => {
      const result = reply();
      return result?.ok && result.value.removed;
    };
    expect(told(second)).toEqual({ ...told(first), waitsFor: [] });
    expect(c.host.report(mesh.now).removed.map(({ nickname }) => nickname)).toEqual(['host1']);
  });

  it('takes its containers along: their addresses are given to nobody for a while, and then last of all', () => {
    const { mesh, a, b, c } = withoutA({ quarantineMs: 60_000, timeoutMs: 3_000 });
    remove(mesh, b, a);
    mesh.run(2_000);
    const given = Array.from({ length: 252 }, (_, index) =>
      allocate(mesh, [b, c][index % 2]!, `more${index}`),
    );
    expect(given.filter(address => address.startsWith('10.32.'))).toHaveLength(250);
    expect(given).not.toContain('10.32.0.1');
    expect(given.at(-1)).toBe('space-exhausted');
    mesh.run(60_000);
    const last = [allocate(mesh, b, 'last'), allocate(mesh, c, 'last')];
    expect([...last].sort()).toEqual(['10.32.0.1', 'space-exhausted']);
    // Whose it was before is past: it is given again at once.
    const who = [b, c][last.indexOf('10.32.0.1')]!;
    expect(who.host.report(mesh.now).ipam?.quarantined).toEqual({ addresses: 0, forMs: 0 });
    ask(mesh, who, { kind: 'release', owner: 'last', addresses: [] });
    expect(allocate(mesh, who, 'next')).toBe('10.32.0.1');
  });

  it('takes its containers along: their addresses can be asked for by name after a while, on any host', () => {
    const { mesh, a, b, c } = withoutA({ quarantineMs: 60_000, timeoutMs: 3_000 });
    remove(mesh, b, a);
    mesh.run(2_000);
    for (const at of [b, c]) expect(claim(mesh, at, 'late', '10.32.0.1/24')).toBe('address-quarantined');
    mesh.run(60_000);
    const heir = b.host.report(mesh.now).ipam!.shares.find(({ peer }) => peer.id === b.peer)!;
    const other = heir.addresses > 128 ? c : b;
    expect(claim(mesh, other, 'late', '10.32.0.1/24')).toBe('10.32.0.1');
  });

  it('is not removed while its router is connected, or its host answers, unless that is forced', () => {
    const { mesh, a, b, c } = three();
    const command = { kind: 'remove-peer', peer: a.peer, force: false } as const;
    expect(ask(mesh, b, command)).toMatchObject({
      problem: { code: 'peer-alive', how: 'its router is connected' },
    });
    expect(ask(mesh, a, command)).toMatchObject({
      problem: { code: 'peer-alive', how: 'it is this router itself' },
    });
    const nobody = { ...command, peer: 'peer-0099' as typeof a.peer };
    expect(ask(mesh, c, nobody)).toMatchObject({ problem: { code: 'peer-unknown' } });
  });

  it('keeps its space until everybody has agreed who might know of something that it gave away', () => {
    const { mesh, a, b, c } = withoutA();
    mesh.cut(b, c);
    mesh.run(30_000);
    const reply = remove(mesh, b, a);
    mesh.run(1_000);
    expect(reply()).toMatchObject({ value: { removed: { waitsFor: [c.peer] } } });
    expect(spaceOf(mesh, b)).toContain('host1');
    const report = b.host.report(mesh.now).ipam!;
    expect(report.removed).toMatchObject([
      { peer: { nickname: 'host1' }, waitsFor: [{ nickname: 'host3' }] },
    ]);
    expect(report.shares.find(({ peer }) => peer.id === c.peer)?.silentMs).toBeGreaterThan(20_000);
    expect(report.quarantined).toEqual({ addresses: 1, forMs: 599_000 });
    mesh.heal();
    mesh.cut(a, b);
    mesh.cut(a, c);
    mesh.run(60_000);
    expect(spaceOf(mesh, b)).not.toContain('host1');
    expect(spaceOf(mesh, b)).toBe(spaceOf(mesh, c));
  });
});

describe('a peer that was removed and lives', () => {
  it('gives up its space when it learns of it, and keeps what nobody took', () => {
    const { mesh, a, b, c } = withoutA();
    remove(mesh, b, a, true);
    mesh.run(2_000);
    mesh.heal();
    mesh.until(() => a.logs.some(({ message }) => message.startsWith('this host was removed')), 60_000);
    mesh.run(15_000);
    expect(spaceOf(mesh, a)).toBe(spaceOf(mesh, b));
    expect(spaceOf(mesh, c)).toBe(spaceOf(mesh, b));
    expect(a.plumbed.get('mesh/lost1')?.addresses).toEqual([cidr('10.32.0.1/24')]);
    expect(b.host.report(mesh.now).endpoints.map(({ address }) => address)).toContain('10.32.0.1');
    // Its container has its address again: that is in no quarantine any more.
    for (const { host } of [a, b]) expect(host.report(mesh.now).ipam?.quarantined.addresses).toBe(0);
    expect(allocate(mesh, a, 'new')).toMatch(/^10\.32\.0\./);
  });
});

describe('a peer that was removed, came back, and was removed again', () => {
  it('takes its containers along from the second time on', () => {
    const { mesh, a, b, c } = withoutA({ quarantineMs: 60_000, timeoutMs: 3_000 });
    remove(mesh, b, a, true);
    mesh.run(2_000);
    mesh.heal();
    mesh.until(() => a.logs.some(({ message }) => message.startsWith('this host was removed')), 60_000);
    mesh.run(10_000);
    expect(b.host.report(mesh.now).endpoints.map(({ address }) => address)).toContain('10.32.0.1');
    mesh.cut(a, b);
    mesh.cut(a, c);
    mesh.run(20_000);
    remove(mesh, b, a, true);
    mesh.run(45_000);
    expect(claim(mesh, b, 'late', '10.32.0.1/24')).toBe('address-quarantined');
    mesh.run(15_000);
    expect(claim(mesh, b, 'late', '10.32.0.1/24')).toBe('10.32.0.1');
  });
});

describe('a host that leaves', () => {
  it('talks to nobody that it did not know, who could take itself for its heir', () => {
    const { mesh, a, b, c } = three();
    for (const other of [b, c]) mesh.cut(a, other);
    mesh.run(30_000);
    expect(ask(mesh, a, { kind: 'leave' }).ok).toBe(true);
    const stranger = mesh.add([a]);
    mesh.run(20_000);
    expect(stranger.host.report(mesh.now).peers.map(({ nickname }) => nickname)).toEqual(['host4']);
  });

  it('has given nothing to anybody any more', () => {
    const { mesh, b } = three();
    expect(allocate(mesh, b, 'a program')).toMatch(/^10\.32\.0\./);
    ask(mesh, b, { kind: 'leave' });
    expect(b.host.allocations).toEqual([]);
    expect([...b.disk.keys()].filter(key => key.startsWith('address/'))).toEqual([]);
  });

  it('hands its space to one who stays', () => {
    const { mesh, a, b } = three();
    expect(allocate(mesh, b, 'box')).toMatch(/^10\.32\.0\./);
    expect(ask(mesh, a, { kind: 'leave' }).ok).toBe(true);
    mesh.run(1_000);
    expect(spaceOf(mesh, b)).not.toContain('host1');
    const sizes = b.host.report(mesh.now).ipam!.shares.map(({ addresses }) => addresses);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(256);
  });

  it('stands by what it said of others: who is gone stays gone', () => {
    const { mesh, a, b, c } = withoutA();
    remove(mesh, b, a);
    mesh.run(2_000);
    expect(ask(mesh, b, { kind: 'leave' }).ok).toBe(true);
    mesh.run(1_000);
    expect(c.host.facts.get(b.peer, REMOVALS, a.peer)).toBeDefined();
    expect(spaceOf(mesh, c)).toBe('host3 256');
  });

  it('answers who still waits, and gives nobody anything after that', () => {
    const { mesh, a, b, c } = three();
    expect(allocate(mesh, a, 'box')).toBe('10.32.0.1');
    mesh.cut(a, b);
    mesh.cut(b, c);
    mesh.run(30_000);
    const reply = mesh.command(b, { kind: 'allocate', owner: 'late', subnet: undefined });
    expect(reply()).toBeUndefined();
    const left = mesh.command(b, { kind: 'leave' });
    expect(reply()).toMatchObject({ ok: false, problem: { code: 'router-leaving' } });
    const custody = (): number | undefined => b.host.facts.get(b.peer, IPAM, CUSTODY_KEY)?.seq;
    const before = custody();
    mesh.heal();
    mesh.until(() => left() !== undefined);
    mesh.run(30_000);
    expect(custody()).toBe(before);
    expect(b.host.facts.get(b.peer, IPAM, WANT_KEY)).toBeUndefined();
  });
});
