import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDockerEndpoints } from '../../../../src/adapters/docker/endpoints.ts';
import { revive } from '../../../../src/daemon/revive.ts';
import type { EndpointEvent, EngineEndpoints } from '../../../../src/ports/engine-endpoints.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { until } from '../../../support/until.ts';

const id = (letter: string): string => letter.repeat(64);
const WANT =
  'Post "http://%2Frun%2Fdocker%2Fplugins%2Fmesh.sock/IpamDriver.RequestAddress": dial unix /run/docker/plugins/mesh.sock: connect: no such file or directory';

interface Box {
  readonly name: string;
  readonly network: string;
  readonly policy: string;
  readonly error: string;
  readonly running?: boolean;
}

/** What an engine answers of networks, and of the containers on them. */
function answersOf(boxes: Readonly<Record<string, Box>>): Readonly<Record<string, unknown>> {
  return {
    '/networks': [{ Id: 'net1' }, { Id: 'gone' }],
    '/networks/net1': {
      Containers: {
        [id('a')]: { EndpointID: 'e1', IPv4Address: '10.32.0.1/13' },
        'ep-e2': { EndpointID: 'e2', IPv4Address: '' },
      },
    },
    '/containers/json': Object.entries(boxes).map(([Id, { network }]) => ({
      Id,
      NetworkSettings: { Networks: { some: { NetworkID: network } } },
    })),
    ...Object.fromEntries(
      Object.entries(boxes).map(([Id, { name, policy, error, running = false }]) => [
        `/containers/${Id}/json`,
        {
          ...{ Id, Name: `/${name}`, Config: { Hostname: 'shop', Domainname: '' } },
          State: { Running: running, Error: error },
          HostConfig: { NetworkMode: 'mesh', RestartPolicy: { Name: policy } },
          NetworkSettings: {
            Networks: {
              mesh: { EndpointID: 'e1', Aliases: ['store', Id.slice(0, 12)] },
              other: { EndpointID: '' },
            },
          },
        },
      ]),
    ),
  };
}

describe("an engine's endpoints", () => {
  let folder: string;
  let server: Server;
  let engine: EngineEndpoints;
  let answers: Readonly<Record<string, unknown>>;
  const started: string[] = [];
  const followers = new Set<ServerResponse>();

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'engine-'));
    answers = answersOf({});
    started.length = 0;
    server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://docker').pathname.replace(/^\/v[\d.]+/, '');
      response.setHeader('Api-Version', '1.41');
      if (path === '/_ping') return void response.end('OK');
      if (path === '/events') {
        followers.add(response);
        return response.flushHeaders();
      }
      const start = /^\/containers\/(\w+)\/start$/.exec(path);
      if (start !== null && request.method === 'POST') {
        started.push(start[1]!);
        response.statusCode = start[1] === id('d') ? 500 : 204;
        return void response.end(start[1] === id('d') ? '{"message":"no room"}' : '');
      }
      const body = answers[path];
      response.statusCode = body === undefined ? 404 : 200;
      response.end(JSON.stringify(body ?? { message: 'no such thing' }));
    });
    const socket = join(folder, 'docker.sock');
    await new Promise<void>(resolve => server.listen(socket, resolve));
    engine = createDockerEndpoints({ address: `unix://${socket}`, driver: 'mesh', log: createFakeLog() });
  });
  afterEach(() => {
    for (const response of followers) response.destroy();
    followers.clear();
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('are those of all networks of the driver; one that was removed meanwhile has none', async () => {
    expect(await engine.list()).toEqual({
      ok: true,
      value: [
        { id: 'e1', address: '10.32.0.1' },
        { id: 'e2', address: '' },
      ],
    });
    expect(await engine.containers()).toEqual({ ok: true, value: [id('a')] });
  });

  it('are not known where the engine says something else', async () => {
    answers = { ...answers, '/networks/net1': [5] };
    expect(await engine.list()).toMatchObject({ problem: { code: 'docker-refused' } });
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
    expect(await engine.list()).toMatchObject({ problem: { code: 'docker-unreachable' } });
  });

  it('are of a container with all its names', async () => {
    answers = answersOf({
      [id('a')]: { name: 'web', network: 'net1', policy: 'no', error: '', running: true },
    });
    expect(await engine.inhabitant(id('a'))).toEqual({
      ok: true,
      value: { id: id('a'), name: 'web', aliases: ['shop', 'store'], endpoints: ['e1'] },
    });
    expect(await engine.inhabitant(id('b'))).toMatchObject({ problem: { code: 'container-unknown' } });
    expect(await engine.inhabitant('../x')).toMatchObject({ problem: { code: 'container-unknown' } });
  });

  it('are told of when a container is connected, or called otherwise', async () => {
    const events: EndpointEvent[] = [];
    const stop = engine.watch(event => void events.push(event));
    await until(
      async () => followers.size > 0 || undefined,
      () => 'nobody follows',
    );
    const tell = (Type: string, Action: string, ID: string, Attributes: object) => {
      for (const response of followers)
        response.write(`${JSON.stringify({ Type, Action, Actor: { ID, Attributes } })}\n`);
    };
    tell('network', 'connect', 'net1', { container: id('a'), type: 'mesh' });
    tell('network', 'connect', 'net9', { container: id('b'), type: 'bridge' });
    tell('container', 'rename', id('c'), { name: 'new' });
    for (const response of followers) response.write('garbage\n{"Type":5}\n');
    tell('network', 'connect', 'net1', { container: id('d'), type: 'mesh' });
    await until(
      async () => events.length >= 4 || undefined,
      () => JSON.stringify(events),
    );
    stop();
    expect(events).toEqual([
      { kind: 'look-again' },
      ...['a', 'c', 'd'].map(letter => ({ kind: 'connected', container: id(letter) })),
    ]);
  });

  it('that the engine gave up on are started: only those, and only what is to come back', async () => {
    const box = { network: 'net1', policy: 'always', error: WANT };
    answers = answersOf({
      [id('a')]: { ...box, name: 'gave-up' },
      [id('b')]: {
        ...box,
        name: 'never-found',
        policy: 'unless-stopped',
        error: 'error looking up network plugin mesh: plugin "mesh" not found',
      },
      [id('c')]: { ...box, name: 'runs', running: true },
      [id('d')]: { ...box, name: 'fails' },
      [id('e')]: { ...box, name: 'by-hand', policy: 'no' },
      [id('f')]: { ...box, name: 'otherwise', error: 'exec: "nope": executable file not found' },
      ['1'.repeat(64)]: { ...box, name: 'elsewhere', network: 'net9' },
      ['2'.repeat(64)]: { ...box, name: 'stopped', error: '' },
    });
    const log = createFakeLog();
    await revive(engine, log);
    expect(started).toEqual([id('a'), id('b'), id('d')]);
    expect(JSON.stringify(log)).toContain('no room');
  });
});
