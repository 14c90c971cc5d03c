import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBareNamespaces } from '../../src/adapters/linux/bare-namespaces.ts';
import type { ContainerEvent } from '../../src/ports/container-runtime.ts';
import { createFakeLog } from '../support/fake-log.ts';
import { until } from '../support/until.ts';
import { runtimeContract } from './runtime.contract.ts';

/** Namespaces mounted on files in a folder of their own. */
function createNamespaces() {
  const directory = mkdtempSync(join(tmpdir(), 'mst-netns-'));
  const mounted = new Set<string>();
  const path = (name: string): string => join(directory, name);
  const unmount = (name: string): void => {
    if (mounted.delete(name)) execFileSync('umount', [path(name)]);
  };
  return {
    directory,
    path,
    start(name: string, kind = 'net') {
      writeFileSync(path(name), '');
      execFileSync('unshare', [`--${kind}=${path(name)}`, 'true']);
      mounted.add(name);
    },
    unmount,
    remove(name: string) {
      unmount(name);
      rmSync(path(name), { force: true });
    },
    dispose() {
      for (const name of [...mounted]) unmount(name);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

runtimeContract('bare namespaces', async () => {
  const namespaces = createNamespaces();
  return {
    runtime: createBareNamespaces(createFakeLog()),
    reference: name => `netns:${namespaces.path(name)}`,
    start: async name => namespaces.start(name),
    die: async name => namespaces.unmount(name),
    remove: async name => namespaces.remove(name),
    dispose: async () => namespaces.dispose(),
  };
});

describe('bare namespaces', () => {
  const runtime = createBareNamespaces(createFakeLog());
  let namespaces: ReturnType<typeof createNamespaces>;
  beforeAll(() => {
    namespaces = createNamespaces();
  });
  afterAll(() => namespaces.dispose());

  test('are called by their path and its last part', async () => {
    namespaces.start('blue');
    const path = namespaces.path('blue');
    expect(await runtime.inspect(`netns:${path}`)).toEqual({
      ok: true,
      value: { id: `netns:${path}`, name: 'blue', sandbox: path },
    });
  });

  test('may be reached through a link', async () => {
    namespaces.start('real');
    symlinkSync(namespaces.path('real'), namespaces.path('link'));
    expect((await runtime.inspect(`netns:${namespaces.path('link')}`)).ok).toBe(true);
  });

  test('of the host and of this process are refused, also where mounted elsewhere', async () => {
    writeFileSync(namespaces.path('host'), '');
    execFileSync('mount', ['--bind', '/proc/self/ns/net', namespaces.path('host')]);
    try {
      for (const path of ['/proc/self/ns/net', `/proc/${process.pid}/ns/net`, namespaces.path('host')]) {
        expect(await runtime.inspect(`netns:${path}`)).toEqual({
          ok: false,
          problem: { code: 'container-host-network', container: `netns:${path}` },
        });
      }
    } finally {
      execFileSync('umount', [namespaces.path('host')]);
    }
  });

  test('anything else is refused with the reason', async () => {
    writeFileSync(namespaces.path('plain'), 'text');
    namespaces.start('names', 'uts');
    const reasons: [string, string][] = [
      [namespaces.path('plain'), 'it is another kind of file'],
      [namespaces.directory, 'it is another kind of file'],
      [namespaces.path('names'), 'it is a namespace, but not one of networks'],
      ['/proc/self/ns/uts', 'it is a namespace, but not one of networks'],
      [namespaces.path('missing'), 'there is no such file'],
      [join(namespaces.path('plain'), 'below'), 'there is no such file'],
      ['run/netns/blue', 'the path must begin with a slash'],
      ['', 'the path must begin with a slash'],
    ];
    for (const [path, why] of reasons) {
      expect(await runtime.inspect(`netns:${path}`)).toEqual({
        ok: false,
        problem: { code: 'namespace-unknown', path, why },
      });
    }
  });

  test('one that is followed and not there yet is told of when it comes', async () => {
    const events: ContainerEvent[] = [];
    runtime.follow(namespaces.path('later'));
    const stop = runtime.watch(event => void events.push(event));
    try {
      namespaces.start('later');
      const event = await until(
        () => events.find(({ kind }) => kind === 'started'),
        () => 'it is told of',
      );
      expect(event).toEqual({ kind: 'started', id: `netns:${namespaces.path('later')}` });
    } finally {
      stop();
    }
  });
});
