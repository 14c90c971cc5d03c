import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createDockerNetworks, parseEvent } from '../../../../src/adapters/docker/networks.ts';
import { ok } from '../../../../src/core/errors.ts';
import type { EngineNetworkEvent } from '../../../../src/ports/container-networks.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { until } from '../../../support/until.ts';

/** As an engine of API 1.41 lists them. */
const LISTED = [
  {
    Name: 'prod',
    Id: 'a1',
    Driver: 'mesh',
    Internal: false,
    IPAM: {
      Driver: 'mesh',
      Options: null,
      Config: [
        { Subnet: '10.40.0.0/16', IPRange: '10.40.8.0/24', AuxiliaryAddresses: { router: '10.40.0.2' } },
      ],
    },
    Options: { 'mesh.network': 'prod' },
    Labels: null,
  },
  {
    Name: 'none',
    Id: 'b2',
    Driver: 'null',
    Internal: false,
    IPAM: { Driver: 'default', Config: [] },
    Options: {},
    Labels: {},
  },
];

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function start(answers: Readonly<Record<string, { status: number; body?: unknown }>>) {
  const directory = mkdtempSync(join(tmpdir(), 'mst-networks-'));
  const path = join(directory, 'docker.sock');
  const bodies: unknown[] = [];
  const followers: ServerResponse[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    if (text !== '') bodies.push(JSON.parse(text));
    if (request.url === '/_ping') return response.setHeader('api-version', '1.41').end('OK');
    if (request.url?.startsWith('/v1.41/events')) {
      followers.push(response);
      return response.writeHead(200).flushHeaders();
    }
    const { status, body } = answers[`${request.method} ${request.url}`] ?? { status: 404 };
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === undefined ? '' : JSON.stringify(body));
  });
  await new Promise<void>(resolve => server.listen(path, resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { bodies, followers, networks: createDockerNetworks(`unix://${path}`, createFakeLog()) };
}

describe('the networks of an engine', () => {
  it('are listed as far as it matters', async () => {
    const { networks } = await start({ 'GET /v1.41/networks': { status: 200, body: LISTED } });
    const nothing = { gateway: undefined, internal: false, labels: {} };
    expect(await networks.list()).toEqual(
      ok([
        {
          ...nothing,
          ...{ id: 'a1', name: 'prod', driver: 'mesh', ipamDriver: 'mesh', subnets: ['10.40.0.0/16'] },
          ...{ range: '10.40.8.0/24', aux: { router: '10.40.0.2' }, options: { 'mesh.network': 'prod' } },
        },
        {
          ...nothing,
          ...{
            id: 'b2',
            name: 'none',
            driver: 'null',
            ipamDriver: 'default',
            subnets: [],
            range: undefined,
            aux: {},
            options: {},
          },
        },
      ]),
    );
  });

  it('are made with the addresses of a driver of the same name', async () => {
    const { bodies, networks } = await start({
      'POST /v1.41/networks/create': { status: 201, body: { Id: 'c3' } },
    });
    const spec = {
      ...{ name: 'prod', driver: 'mesh', subnets: ['10.40.0.0/16'], range: undefined, gateway: '10.40.0.1' },
      ...{ aux: {}, internal: true, labels: { a: 'b' }, options: { 'mesh.network': 'prod' } },
    };
    expect(await networks.create(spec)).toEqual(ok(undefined));
    expect(bodies).toEqual([
      {
        ...{ Name: 'prod', CheckDuplicate: true, Driver: 'mesh', Internal: true, Labels: { a: 'b' } },
        Options: { 'mesh.network': 'prod' },
        IPAM: { Driver: 'mesh', Config: [{ Subnet: '10.40.0.0/16', Gateway: '10.40.0.1' }] },
      },
    ]);
  });

  it('are refused in the words of the engine, and gone is removed', async () => {
    const busy = { status: 403, body: { message: 'network prod has active endpoints' } };
    const { networks } = await start({ 'DELETE /v1.41/networks/a1': busy });
    expect(await networks.remove('a1')).toMatchObject({
      problem: { code: 'network-refused', why: busy.body.message },
    });
    expect(await networks.remove('b2')).toEqual(ok(undefined));
    expect(await networks.list()).toMatchObject({ problem: { code: 'network-refused', why: 'status 404' } });
  });

  it('tell of their beginning and end', async () => {
    const { followers, networks } = await start({});
    const heard: EngineNetworkEvent[] = [];
    closing.push(networks.watch(event => heard.push(event)));
    await until(
      async () => followers[0],
      () => 'nobody follows',
    );
    const event = (Action: string) => ({
      Type: 'network',
      Action,
      Actor: { ID: 'a1', Attributes: { name: 'prod', type: 'mesh' } },
    });
    followers[0]!.write(
      `${JSON.stringify(event('create'))}\n${JSON.stringify(event('connect'))}\nnonsense\n${JSON.stringify(event('destroy'))}\n`,
    );
    await until(
      async () => heard.length === 3 || undefined,
      () => JSON.stringify(heard),
    );
    expect(heard).toEqual([
      { kind: 'look-again' },
      { kind: 'created', id: 'a1', name: 'prod' },
      { kind: 'removed', id: 'a1', name: 'prod' },
    ]);
    expect(parseEvent('{}')).toBeUndefined();
  });
});
