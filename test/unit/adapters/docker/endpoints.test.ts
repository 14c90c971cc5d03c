import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDockerEndpoints } from '../../../../src/adapters/docker/endpoints.ts';
import { revive } from '../../../../src/daemon/revive.ts';
import { CUT_OFF, type EndpointEvent, type EngineEndpoints } from '../../../../src/ports/engine-endpoints.ts';
import { NEVER, RUNNING } from '../../../support/fake-engine/containers.ts';
import { type FakeEngine, startFakeEngine } from '../../../support/fake-engine.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { EACH_RELEASE } from '../../../support/releases.ts';
import { until } from '../../../support/until.ts';

const WANT =
  'Post "http://%2Frun%2Fdocker%2Fplugins%2Fmesh.sock/IpamDriver.RequestAddress": dial unix /run/docker/plugins/mesh.sock: connect: no such file or directory';

describe.each(EACH_RELEASE)("an engine's endpoints, %s", release => {
  let played: FakeEngine;
  let engine: EngineEndpoints;

  beforeEach(async () => {
    played = await startFakeEngine(release);
    played.networks.create({ Name: 'mesh', Driver: 'mesh' }, release);
    played.networks.create({ Name: 'bridge', Driver: 'bridge' }, release);
    engine = createDockerEndpoints({ address: played.address, driver: 'mesh', log: createFakeLog() });
  });
  afterEach(() => played.dispose());

  it('are those of all networks of the driver; one that was removed meanwhile has none', async () => {
    const id = played.put({ name: 'web', endpoints: { mesh: 'e1' } });
    played.networks.join('mesh', id, { EndpointID: 'e1', IPv4Address: '10.32.0.1/13' });
    played.networks.join('mesh', 'ep-e2', { EndpointID: 'e2', IPv4Address: '' });
    played.networks.join('bridge', id, { EndpointID: 'e3', IPv4Address: '172.17.0.2/16' });
    played.networks.create({ Name: 'gone', Driver: 'mesh' }, release);
    const gone = played.networks.idOf('gone');
    played.answer(`GET /networks/${gone}`, { status: 404, body: { message: `network ${gone} not found` } });
    expect(await engine.list()).toEqual({
      ok: true,
      value: [
        { id: 'e1', address: '10.32.0.1' },
        { id: 'e2', address: '' },
      ],
    });
    expect(await engine.containers()).toEqual({ ok: true, value: [id] });
  });

  it('are not known where the engine says something else', async () => {
    played.answer(`GET /networks/${played.networks.idOf('mesh')}`, { status: 200, body: [5] });
    expect(await engine.list()).toMatchObject({ problem: { code: 'docker-refused' } });
    await played.stop();
    expect(await engine.list()).toMatchObject({ problem: { code: 'docker-unreachable' } });
  });

  it('are of a container with all its names', async () => {
    const endpoints = { mesh: 'e1', other: '' };
    const id = played.put({ name: 'web', hostname: 'shop', aliases: ['store'], endpoints });
    expect(await engine.inhabitant(id)).toEqual({
      ok: true,
      value: { id, name: 'web', aliases: ['shop', 'store'], endpoints: ['e1'] },
    });
    expect(await engine.inhabitant('b'.repeat(64))).toMatchObject({ problem: { code: 'container-unknown' } });
    expect(await engine.inhabitant('../x')).toMatchObject({ problem: { code: 'container-unknown' } });
  });

  it('are told of when a container is connected, or called otherwise', async () => {
    const events: EndpointEvent[] = [];
    const stop = engine.watch(event => void events.push(event));
    await until(
      async () => played.followers() || undefined,
      () => 'nobody follows',
    );
    const ids = ['a', 'b', 'c', 'd'].map(name => played.put({ name }));
    played.connect('a', { id: 'net1', type: 'mesh' });
    played.connect('b', { id: 'net9', type: 'bridge' });
    played.rename('c', 'new');
    played.start('a');
    played.emitRaw('garbage\n{"Type":5}\n');
    played.connect('d', { id: 'net1', type: 'mesh' });
    await until(
      async () => events.length >= 4 || undefined,
      () => JSON.stringify(events),
    );
    stop();
    expect(events).toEqual([
      { kind: 'look-again' },
      ...[0, 2, 3].map(index => ({ kind: 'connected', container: ids[index] })),
    ]);
  });

  it('that the engine gave up on are started: only those, and only what is to come back', async () => {
    const box = (
      name: string,
      why: string,
      more: { restart?: string; network?: string; started?: string } = {},
    ) => {
      const { network = 'mesh', restart = 'always', started = RUNNING.StartedAt } = more;
      return played.put({
        name,
        restart,
        endpoints: { [network]: '' },
        state: { Running: false, Error: why, StartedAt: started },
      });
    };
    const lookup = 'error looking up network plugin mesh: plugin "mesh" not found';
    const cut = `remote: IpamDriver.RequestAddress: ${CUT_OFF}`;
    const back = [
      box('gave-up', WANT),
      box('cut-off', cut, { started: NEVER }),
      box('never-found', lookup, { restart: 'unless-stopped' }),
    ];
    const fails = box('fails', WANT);
    played.answer(`POST /containers/${fails}/start`, { status: 500, body: { message: 'no room' } });
    played.put({ name: 'runs', restart: 'always', endpoints: { mesh: 'e1' }, state: { Error: WANT } });
    box('by-hand', WANT, { restart: 'no' });
    box('otherwise', 'exec: "nope": executable file not found');
    box('elsewhere', WANT, { network: 'bridge' });
    box('never-elsewhere', WANT, { network: 'bridge', started: NEVER });
    box('stopped', '');
    const log = createFakeLog();
    await revive(engine, log);
    const started = played.requests.filter(asked => asked.endsWith('/start'));
    expect(started.map(asked => asked.split('/').at(-2))).toEqual([...back, fails]);
    expect(JSON.stringify(log)).toContain('no room');
  });
});
