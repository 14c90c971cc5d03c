import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../../src/adapters/docker/engine.ts';
import { ok } from '../../../../src/core/errors.ts';
import type { Space } from '../../../../src/daemon/doctor/check.ts';
import { engine } from '../../../../src/daemon/doctor/checks/engine.ts';
import { kernel } from '../../../../src/daemon/doctor/checks/kernel.ts';
import { leftovers } from '../../../../src/daemon/doctor/checks/leftovers.ts';
import { permission } from '../../../../src/daemon/doctor/checks/permission.ts';
import { ports } from '../../../../src/daemon/doctor/checks/ports.ts';
import { programs } from '../../../../src/daemon/doctor/checks/programs.ts';
import { state } from '../../../../src/daemon/doctor/checks/state.ts';
import { runChecks } from '../../../../src/daemon/doctor/doctor.ts';
import { lastErrorIn } from '../../../../src/daemon/doctor/last-error.ts';
import { hasCapabilities } from '../../../../src/daemon/doctor/machine.ts';
import { isShared } from '../../../../src/daemon/doctor/mounts.ts';
import { inodesIn } from '../../../../src/daemon/doctor/port-holder.ts';
import { fakeRunning, findingsOf } from '../../../support/fake-machine.ts';

/** An engine of that version that has one container, or none. */
function fakeEngine(api: string, container?: { status: string; ours: boolean }): Pick<Engine, 'get'> {
  const labels = container?.ours ? { 'mesh.build': 'abc' } : {};
  const body = { State: { Status: container?.status }, Config: { Labels: labels } };
  return {
    async get(path) {
      if (path === '/version') return ok({ status: 200, body: { Version: '28.0', ApiVersion: api } });
      return ok({ status: container === undefined ? 404 : 200, body });
    },
  };
}

describe('the check of the engine', () => {
  it('wants one that is new enough', async () => {
    expect(await findingsOf(engine, { engine: fakeEngine('1.41') })).toEqual([
      'ok | Docker 28.0 (API 1.41) answers',
    ]);
    expect(await findingsOf(engine, { engine: fakeEngine('1.40') })).toEqual([
      'problem | Docker 28.0 (API 1.40) is older than 20.10 (API 1.41) | upgrade it',
    ]);
    expect(await findingsOf(engine, {})).toEqual([]);
  });

  it('looks at the container that has the name of the router', async () => {
    const about = async (status: string, ours: boolean) =>
      (await findingsOf(engine, { engine: fakeEngine('1.48', { status, ours }) }))[0];
    expect(await about('exited', true)).toMatch(/^note \| the router's container "mesh" is exited/);
    expect(await about('restarting', true)).toMatch(/^problem .*"mesh logs" tells why/);
    expect(await about('running', false)).toMatch(/^problem \| a container "mesh" that isn't ours/);
  });

  it('wants a shared mount, until a router runs', async () => {
    const machine = { engine: fakeEngine('1.48'), isShared: () => false };
    expect((await findingsOf(engine, machine))[0]).toMatch(/^problem .*no shared mount.*--make-rshared/);
    expect(await findingsOf(engine, machine, fakeRunning({}))).toHaveLength(1);
  });
});

describe('the checks of the host', () => {
  it('say what is missing', async () => {
    expect((await findingsOf(permission, { capable: false }))[0]).toMatch(/^problem .*run as root$/);
    expect((await findingsOf(programs, { hasProgram: name => name !== 'nft' }))[0]).toMatch(
      /^problem .*nftables/,
    );
    const problem = { code: 'kernel-refused', what: 'make link vxlan', why: 'not supported' } as const;
    const features = async () => [
      { name: 'bridges', problem: undefined },
      { name: 'VXLAN', problem },
    ];
    expect(await findingsOf(kernel, { features })).toEqual([
      expect.stringMatching(/^problem \| this kernel can't do VXLAN: .*not supported \| .*modprobe/),
    ]);
    expect(await findingsOf(kernel, { features, capable: false })).toEqual([]);
  });

  it('name who has a port, and leave a port to the switch that has it', async () => {
    const portHolder = async () => ({ who: 'process 812 (weaver)' });
    const taken = await findingsOf(ports, { portHolder });
    expect(taken).toEqual([
      'problem | TCP port 6783 is taken by process 812 (weaver) | end it, or launch all routers with another --port',
      'problem | UDP port 6784 is taken by process 812 (weaver) | end it, or launch all routers with another --data-port',
    ]);
    const switchLeft = async () => ({ pinned: true, ports: [6784], containers: ['a'] });
    expect(await findingsOf(ports, { portHolder, switchLeft })).toEqual(taken.slice(0, 1));
    expect(await findingsOf(ports, { portHolder }, fakeRunning({}))).toEqual([]);
    expect((await findingsOf(leftovers, { switchLeft }))[0]).toMatch(/^note \| the switch .* 1 container/);
  });

  it('see a table of ours that has no switch any more', async () => {
    const chain = { family: 'ip', table: 'mesh', name: 'prerouting' };
    const rules = async () => ok({ json: { nftables: [{ chain }] }, text: '' });
    expect((await findingsOf(leftovers, { rules }))[0]).toMatch(/^note \| the table ip mesh/);
  });

  it('look for room in the state directory', async () => {
    const of = async (space: Partial<Space>) => {
      const room = { path: '/x', exists: true, freeBytes: 2 ** 30, freeFiles: 99, unwritable: undefined };
      return (await findingsOf(state, { space: async () => ({ ...room, ...space }) }))[0];
    };
    expect(await of({})).toMatch(/^ok .*1024 MiB are free$/);
    expect(await of({ freeBytes: 0 })).toMatch(/^problem .*free space \(0 MiB\)/);
    expect(await of({ freeFiles: 3 })).toMatch(/^problem .*inodes \(3\)/);
    expect(await of({ freeBytes: 10 * 2 ** 20 })).toMatch(/^note .*only 10 MiB/);
    const unwritable = { code: 'state-unwritable', path: '/x', why: 'the file system is read-only' } as const;
    expect(await of({ unwritable })).toMatch(/^problem \| can't write to \/x: the file system is read-only/);
    expect(await findingsOf(state, { stateHolder: async () => '77' })).toContainEqual(
      expect.stringMatching(/^problem \| \/var\/lib\/mesh is in use by a router \(process 77\)/),
    );
  });
});

describe('what the kernel tells in text', () => {
  it('is read for sockets', () => {
    const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1A7F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1A7F 0100007F:D2A0 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1
`;
    expect(inodesIn(text, 'tcp', 6783)).toEqual(['4711']);
    expect(inodesIn(text, 'udp', 6783)).toEqual(['4711', '4712']);
    expect(inodesIn(text, 'tcp', 6784)).toEqual([]);
  });

  it('is read for mounts, the innermost and last of which counts', () => {
    const info = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /run rw,nosuid shared:2 - tmpfs tmpfs rw
24 22 0:22 / /srv rw - tmpfs tmpfs rw
25 24 0:23 / /srv rw shared:9 master:1 - tmpfs tmpfs rw`;
    expect(isShared(info, '/run/mesh')).toBe(true);
    expect(isShared(info, '/srv/x')).toBe(true);
    expect(isShared(info.replace('shared:2 ', ''), '/run/mesh')).toBe(false);
    expect(isShared(info.replace('shared:2 ', ''), '/runner')).toBe(true);
  });

  it('is read for capabilities', () => {
    expect(hasCapabilities('Name:\tnode\nCapEff:\t000001ffffffffff\n')).toBe(true);
    expect(hasCapabilities('CapEff:\t00000000a80425fb\n')).toBe(false);
    expect(hasCapabilities('')).toBe(false);
  });

  it('and the log for how the last router ended', () => {
    const at = '2026-03-01T12:00:00.000Z';
    const log = [
      `${at} error router: an older one`,
      `${at} info  router started id=x`,
      `${at} warn  nothing`,
      `${at} error another live router has this identity`,
      `${at} info  transport: stopped`,
    ].join('\n');
    expect(lastErrorIn(log)).toBe('another live router has this identity');
    expect(lastErrorIn(`${log}\nmesh: tcp port 6783 is in use`)).toBe('tcp port 6783 is in use');
    expect(lastErrorIn(`${log}\n${at} info  router started id=x`)).toBeUndefined();
    expect(lastErrorIn('')).toBeUndefined();
  });
});

it('a check that fails says so, and the others go on; problems come first', async () => {
  const context = {} as Parameters<typeof runChecks>[1];
  const found = await runChecks(
    [
      { name: 'good', run: async () => [{ level: 'ok', what: 'fine' }] },
      { name: 'broken', run: () => Promise.reject(new Error('no such thing')) },
      { name: 'bad', run: async () => [{ level: 'problem', what: 'blocked' }] },
    ],
    context,
  );
  expect(found.map(({ level, check }) => `${level} ${check}`)).toEqual([
    'problem bad',
    'note broken',
    'ok good',
  ]);
  expect(found[1]?.what).toBe('this could not be looked at: no such thing');
});
