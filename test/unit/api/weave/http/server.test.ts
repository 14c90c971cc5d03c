import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../../../../../src/api/control/client.ts';
import { type ControlCall, type ControlHandlers, ROUTES } from '../../../../../src/api/control/contract.ts';
import { createWeaveHttp, type WeaveHttp } from '../../../../../src/api/weave/http/server.ts';
import { ok, refuse } from '../../../../../src/core/errors.ts';
import { createFakeLog } from '../../../../support/fake-log.ts';
import { type FakeRouter, startFakeRouter } from '../../../../support/fake-router.ts';
import { KNOWN, withReport } from '../../../../support/weave-known.ts';

/** The server as it is, on sockets of its own; behind it handlers that succeed unless a test says otherwise. */

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

let folder: string;
let router: FakeRouter;
let http: WeaveHttp;
let known = KNOWN;

const control = (): string => join(folder, 'control.sock');
const readOnly = (): string => join(folder, 'status.sock');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'http-'));
  known = KNOWN;
  await serve();
});
afterEach(async () => {
  await http.stop();
  await router.close();
  rmSync(folder, { recursive: true });
});

/** Handlers by way of a real control socket, which is what they are in a router, too. */
async function serve(handlers: Partial<ControlHandlers> = {}): Promise<void> {
  router = await startFakeRouter(handlers);
  const names = Object.keys(ROUTES) as ControlCall[];
  const behind = Object.fromEntries(
    names.map(name => [name, (body: never) => ask(router.socket, name, body)]),
  ) as unknown as ControlHandlers;
  http = createWeaveHttp({
    control: [control()],
    status: [readOnly()],
    known: async () => ok(known),
    handlers: behind,
    log: createFakeLog(),
  });
  expect(await http.start()).toEqual(ok(undefined));
}

async function serveAgain(handlers: Partial<ControlHandlers>): Promise<void> {
  await http.stop();
  await router.close();
  await serve(handlers);
}

interface Sent {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly socketPath?: string;
}

function call(
  method: string,
  path: string,
  { body, headers, socketPath = control() }: Sent = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const all = { host: 'localhost', ...headers };
    const outgoing = request({ socketPath, method, path, headers: all, agent: false }, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          headers: response.headers,
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const texts = async (method: string, path: string, sent?: Sent): Promise<[number, string]> => {
  const { status, body } = await call(method, path, sent);
  return [status, body];
};

describe('questions', () => {
  it.each(['control', 'status'] as const)('are answered at the %s address', async place => {
    const socketPath = place === 'control' ? control() : readOnly();
    const [status, summary] = await texts('GET', '/status', { socketPath });
    expect([status, summary.split('\n')[0]]).toEqual([200, expect.stringContaining('Version: 0.1.0')]);
    expect(await texts('GET', '/status/targets', { socketPath })).toEqual([200, '192.168.48.13\n']);
    expect(await texts('GET', '/status/dns', { socketPath })).toEqual([200, expect.stringContaining('box1')]);
    expect(await texts('GET', '/report?format=%7B%7B.Router.NickName%7D%7D', { socketPath })).toEqual([
      200,
      'host1',
    ]);
    const metrics = await call('GET', '/metrics', { socketPath });
    expect(metrics.body).toContain('weave_connections{');
    expect(metrics.headers['content-type']).toContain('text/plain; version=');
  });

  it('are answered with 503 until the router is ready', async () => {
    known = withReport({ state: 'joining' });
    expect((await call('GET', '/status')).status).toBe(503);
    expect((await call('GET', '/status/peers')).status).toBe(200);
  });

  it('are JSON for who wants that', async () => {
    const { body, headers } = await call('GET', '/report', { headers: { accept: 'application/json' } });
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toMatchObject({ Ready: true, Router: { NickName: 'host1' } });
  });

  it.each([
    ['/report', 400, 'error: must supply one format parameter\n'],
    ['/report?format=a&format=b', 400, 'error: must supply one format parameter\n'],
    ['/report?format=%7B%7Bif%7D%7D', 400, expect.stringMatching(/^template, line 1, column \d+: .+\n$/)],
    ['/status/everything', 404, '404 page not found\n'],
    ['/status/summary', 404, '404 page not found\n'],
    ['/status/constructor', 404, '404 page not found\n'],
    ['/nothing', 404, '404 page not found\n'],
  ])('that can not be answered are told so: %s', async (path, status, body) => {
    expect(await texts('GET', path)).toEqual([status, body]);
  });
});

describe('changes', () => {
  it.each([
    [
      'POST',
      '/connect',
      'peer=host2&peer=host3&replace=true',
      200,
      '',
      ['connect', { peers: ['host2', 'host3'], replace: true }],
    ],
    ['POST', '/forget', 'peer=host2', 200, '', ['forget', { peers: ['host2'] }]],
    [
      'POST',
      '/expose/10.2.1.1/24',
      '',
      204,
      '',
      ['expose', { addresses: ['10.2.1.1/24'], masquerade: true }],
    ],
    [
      'POST',
      '/expose/10.2.1.1/24?skipNAT=true',
      '',
      204,
      '',
      ['expose', { addresses: ['10.2.1.1/24'], masquerade: false }],
    ],
    ['GET', '/ip', '', 200, '{"owned":[{"containerid":"box1","addrs":["10.32.0.1/12"]}]}', ['owned', {}]],
    ['GET', '/ip/box1', '', 200, '10.32.0.1/12', ['held', { owner: 'box1' }]],
    [
      'GET',
      '/ip/box1/10.32.0.0/16',
      '',
      200,
      '10.32.0.1/12',
      ['held', { owner: 'box1', subnet: '10.32.0.0/16' }],
    ],
    [
      'POST',
      '/ip/box1?check-alive=true',
      '',
      200,
      '10.32.0.1/12',
      ['allocate', { owner: 'box1', checkAlive: true }],
    ],
    [
      'POST',
      '/ip/box1/10.40.0.0/16',
      '',
      200,
      '10.40.0.1/16',
      ['allocate', { owner: 'box1', subnet: '10.40.0.0/16', checkAlive: false }],
    ],
    [
      'PUT',
      '/ip/box1/10.32.0.9/12',
      '',
      204,
      '',
      ['claim', { owner: 'box1', address: '10.32.0.9/12', checkAlive: false }],
    ],
    ['DELETE', '/ip/box1', '', 204, '', ['release', { owner: 'box1' }]],
    ['DELETE', '/ip/box1/10.32.0.9', '', 204, '', ['release', { owner: 'box1', address: '10.32.0.9' }]],
    ['GET', '/ring', '', 200, '', ['prime', {}]],
    ['GET', '/ipinfo/defaultsubnet', '', 200, '10.32.0.0/12', ['report', {}]],
    ['DELETE', '/peer', '', 204, '', ['leave', {}]],
    ['DELETE', '/peer/host2', '', 200, '0 IPs taken over from host2\n', ['rmpeer', { peers: ['host2'] }]],
    [
      'PUT',
      '/name/box1/10.32.0.9',
      'fqdn=web.mesh.internal',
      204,
      '',
      ['name', { container: 'box1', addresses: ['10.32.0.9'], names: ['web.mesh.internal'] }],
    ],
    [
      'PUT',
      '/name/weave:extern/10.32.0.9',
      'fqdn=web.mesh.internal',
      204,
      '',
      ['name', { addresses: ['10.32.0.9'], names: ['web.mesh.internal'] }],
    ],
    [
      'DELETE',
      '/name/box1/10.32.0.9?fqdn=web',
      '',
      204,
      '',
      ['unname', { container: 'box1', addresses: ['10.32.0.9'], names: ['web'] }],
    ],
    ['DELETE', '/name/*/10.32.0.9', '', 204, '', ['unname', { addresses: ['10.32.0.9'], names: [] }]],
    ['GET', '/domain', '', 200, 'mesh.internal.', ['dns', {}]],
    ['GET', '/dns-address', '', 200, '172.17.0.1', ['dns', {}]],
    ['GET', '/dns-address-port', '', 200, '172.17.0.1:53', ['dns', {}]],
    ['GET', '/proxyaddrs', '', 200, 'unix:///run/mesh/docker.sock\n', ['proxy', {}]],
  ] as const)('%s %s %s', async (method, path, body, status, answer, made) => {
    expect(await texts(method, path, { body })).toEqual([status, answer]);
    expect(router.calls).toEqual([made]);
  });

  it('are refused at the status address', async () => {
    expect(await texts('POST', '/connect', { body: 'peer=x', socketPath: readOnly() })).toEqual([
      404,
      '404 page not found\n',
    ]);
    expect(router.calls).toEqual([]);
  });

  it('say with a sentence what is wrong', async () => {
    await serveAgain({
      claim: async () => refuse({ code: 'subnet-bits', value: '10.2.3.4/8' }),
      name: async ({ names = [] }) =>
        names[0] === 'x.org'
          ? refuse({ code: 'name-outside', value: 'x.org', zone: 'mesh.internal' })
          : refuse({ code: 'name-nobodys', value: '10.32.0.9' }),
      release: async ({ owner }) => refuse({ code: 'owner-unknown', owner }),
    });
    expect(await texts('PUT', '/ip/box1/10.2.3.4/8')).toEqual([
      400,
      'Unable to claim: 10.2.3.4/8 is no subnet: bits after the prefix are set; write its first address\n',
    ]);
    expect((await texts('DELETE', '/ip/box9'))[1]).toMatch(/^Delete: no address is held by "box9"/);
    // As Weave has it, names in other zones are nobody's business.
    expect(await texts('PUT', '/name/box1/10.32.0.9', { body: 'fqdn=x.org' })).toEqual([204, '']);
    expect((await texts('PUT', '/name/box1/10.32.0.9', { body: 'fqdn=web' }))[0]).toBe(400);
  });
});

describe('what is no honest request', () => {
  it.each([
    ['a page of another site', { origin: 'http://evil.example' }],
    ['a name that was made to lead here', { host: 'evil.example:6784' }],
  ])('is refused: %s', async (_, headers) => {
    expect((await call('POST', '/forget', { body: 'peer=x', headers })).status).toBe(403);
    expect(router.calls).toEqual([]);
  });

  it('is refused: too long a body, another method', async () => {
    expect((await call('POST', '/connect', { body: 'peer='.padEnd(70_000, 'x') })).status).toBe(413);
    const { status, headers } = await call('PATCH', '/ip/box1');
    expect([status, headers['allow']]).toEqual([405, 'GET, POST, DELETE']);
  });

  it('does not end the server', async () => {
    for (const path of ['/%', '/ip/%zz', '//', '/ip/', '/status/../report'])
      expect((await call('GET', path)).status).toBeGreaterThanOrEqual(400);
    expect((await call('GET', '/status')).status).toBe(200);
  });
});

describe('the server', () => {
  it('takes the place of what died, for its owner only', async () => {
    await http.stop();
    writeFileSync(control(), '');
    expect(await http.start()).toEqual(ok(undefined));
    expect(statSync(control()).mode & 0o777).toBe(0o600);
  });

  it('listens nowhere where one of its addresses is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const other = createWeaveHttp({
      control: [join(folder, 'other.sock')],
      status: [`127.0.0.1:${port}`],
      known: async () => ok(KNOWN),
      handlers: {} as ControlHandlers,
      log: createFakeLog(),
    });
    expect(await other.start()).toEqual(
      refuse({ code: 'http-address', address: `127.0.0.1:${port}`, why: 'EADDRINUSE' }),
    );
    await expect(call('GET', '/status', { socketPath: join(folder, 'other.sock') })).rejects.toThrow();
    taken.close();
  });
});
