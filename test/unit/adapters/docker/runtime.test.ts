import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDockerRuntime } from '../../../../src/adapters/docker/runtime.ts';
import type { ContainerEvent, ContainerRuntime } from '../../../../src/ports/container-runtime.ts';
import { type FakeEngine, startFakeEngine } from '../../../support/fake-engine.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { EACH_RELEASE, RELEASES } from '../../../support/releases.ts';
import { until } from '../../../support/until.ts';

describe.each(EACH_RELEASE)('Docker runtime, %s', release => {
  let engine: FakeEngine;
  let runtime: ContainerRuntime;
  let unwatch: (() => void) | undefined;
  beforeEach(async () => {
    engine = await startFakeEngine(release);
    runtime = createDockerRuntime({ address: engine.address, log: createFakeLog() });
  });
  afterEach(async () => {
    unwatch?.();
    unwatch = undefined;
    await engine.dispose();
  });

  test('gives the namespace under /run, where it is also in the router container', async () => {
    const id = engine.put({ name: 'box1', sandbox: '/var/run/docker/netns/0a1b' });
    const container = { id, name: 'box1', aliases: [], sandbox: '/run/docker/netns/0a1b' };
    for (const which of ['box1', '/box1', id, id.slice(0, 12)]) {
      expect(await runtime.inspect(which)).toEqual({ ok: true, value: container });
    }
    engine.put({ name: 'box2', networkMode: 'none', sandbox: '/run/user/7/docker/netns/2' });
    expect(await runtime.inspect('box2')).toMatchObject({ value: { sandbox: '/run/user/7/docker/netns/2' } });
  });

  test('tells what else a container is called, but for its id', async () => {
    engine.put({ name: 'box1' });
    expect(await runtime.inspect('box1')).toMatchObject({ value: { aliases: [] } });
    const given = { name: 'box2', hostname: 'db', domain: 'mesh.internal', aliases: ['store', 'db'] };
    engine.put({ ...given, sandbox: '/run/docker/netns/2' });
    expect(await runtime.inspect('box2')).toMatchObject({
      value: { aliases: ['db.mesh.internal', 'store', 'db'] },
    });
  });

  test('a paused container is one that runs', async () => {
    engine.put({ name: 'box1', state: { Paused: true } });
    expect(await runtime.inspect('box1')).toMatchObject({ ok: true });
  });

  test('says in words what a container that does not run is doing', async () => {
    const states = [
      [{ Running: false, StartedAt: '0001-01-01T00:00:00Z' }, 'created'],
      [{ Running: false, ExitCode: 3 }, 'exited (code 3)'],
      [{ Restarting: true, ExitCode: 1 }, 'restarting (code 1)'],
      [{ Running: false, Dead: true }, 'dead'],
    ] as const;
    for (const [state, words] of states) {
      engine.put({ name: 'box1', state });
      expect(await runtime.inspect('box1')).toEqual({
        ok: false,
        problem: { code: 'container-not-running', container: 'box1', state: words },
      });
    }
    engine.put({ name: 'box1', sandbox: '' });
    expect(await runtime.inspect('box1')).toMatchObject({ problem: { state: 'starting' } });
  });

  test('refuses the host network, also behind another container', async () => {
    const id = engine.put({ name: 'host', networkMode: 'host', sandbox: '/var/run/docker/netns/default' });
    engine.put({ name: 'guest', networkMode: `container:${id}` });
    for (const container of ['host', 'guest']) {
      expect(await runtime.inspect(container)).toEqual({
        ok: false,
        problem: { code: 'container-host-network', container },
      });
    }
  });

  test('follows a container into the network of another', async () => {
    const target = engine.put({ name: 'target', sandbox: '/var/run/docker/netns/7' });
    const id = engine.put({ name: 'guest', networkMode: `container:${target}` });
    expect(await runtime.inspect('guest')).toEqual({
      ok: true,
      value: { id, name: 'guest', aliases: [], sandbox: '/run/docker/netns/7' },
    });
    engine.die('target');
    expect(await runtime.inspect('guest')).toMatchObject({
      problem: {
        code: 'container-not-running',
        state: 'in the network of "target", which is exited (code 137)',
      },
    });
    engine.put({ name: 'ring', networkMode: 'container:ring' });
    expect(await runtime.inspect('ring')).toMatchObject({ problem: { code: 'container-not-running' } });
  });

  test('passes on why an engine gave no answer', async () => {
    for (const name of ['a', 'b']) engine.put({ name });
    expect(await runtime.inspect('000')).toEqual({
      ok: false,
      problem: {
        code: 'docker-refused',
        container: '000',
        why: 'multiple IDs found with provided prefix: 000',
      },
    });
  });

  test('asks for the events that it needs, and for nothing while nothing happens', async () => {
    unwatch = runtime.watch(() => undefined);
    await until(
      () => engine.followers() || undefined,
      () => 'followed',
    );
    expect(engine.requests.map(decodeURIComponent)).toEqual([
      'GET /_ping',
      `GET /v${RELEASES[release].newest}/events?filters={"type":["container"],"event":["start","die","destroy"]}`,
    ]);
  });

  test('leaves out what it does not understand', async () => {
    const events: ContainerEvent[] = [];
    unwatch = runtime.watch(event => void events.push(event));
    await until(
      () => engine.followers() || undefined,
      () => 'followed',
    );
    for (const line of [
      'nonsense',
      'null',
      '[]',
      '{"Action":"start"}',
      '{"Action":"start","Actor":{"ID":1}}',
    ]) {
      engine.emitRaw(`${line}\n`);
    }
    const id = engine.start('box1');
    await until(
      () => events.find(({ kind }) => kind === 'started'),
      () => 'started',
    );
    expect(events).toEqual([{ kind: 'look-again' }, { kind: 'started', id }]);
  });

  test('waits for an engine that is not there yet, and looks again when it went and came', async () => {
    await engine.stop();
    const events: ContainerEvent[] = [];
    unwatch = runtime.watch(event => void events.push(event));
    expect(await runtime.inspect('box1')).toMatchObject({ problem: { code: 'docker-unreachable' } });
    const looks = () => events.filter(({ kind }) => kind === 'look-again').length;
    for (const times of [1, 2]) {
      await engine.listen();
      await until(
        () => (looks() === times ? true : undefined),
        () => `look-again ${times}`,
      );
      await engine.stop();
    }
    engine.upgrade(release === '20.10' ? '29.0' : '20.10');
    await engine.listen();
    await until(
      () => (looks() === 3 ? true : undefined),
      () => 'look-again 3',
    );
    const id = engine.start('box1');
    await until(
      () => (events.at(-1)?.kind === 'started' ? true : undefined),
      () => 'started',
    );
    expect(events.at(-1)).toEqual({ kind: 'started', id });
  });

  test('stops watching at any time', async () => {
    const seen: ContainerEvent[] = [];
    runtime.watch(event => void seen.push(event))();
    const stop = runtime.watch(event => void seen.push(event));
    await until(
      () => engine.followers() || undefined,
      () => 'followed',
    );
    stop();
    await until(
      () => (engine.followers() === 0 ? true : undefined),
      () => 'let go',
    );
    const before = seen.length;
    engine.start('box1');
    await runtime.inspect('box1');
    expect(seen).toHaveLength(before);
  });
});
