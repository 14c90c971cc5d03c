import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, call } from '../../../src/api/control/client.ts';
import { ROUTES } from '../../../src/api/control/contract.ts';
import { createControlServer } from '../../../src/api/control/server.ts';
import { ok, refuse } from '../../../src/core/errors.ts';
import { createFakeLog } from '../../support/fake-log.ts';
import { type FakeRouter, REPORT, startFakeRouter } from '../../support/fake-router.ts';

/** Writes bytes to the socket as they are, and gives what came back. */
function raw(socket: string, bytes: string | Uint8Array): Promise<string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    const client = connect(socket, () => client.end(bytes));
    client.on('data', chunk => chunks.push(chunk));
    client.on('error', () => undefined);
    client.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

const post = (path: string, body: string | Buffer): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const status = (answer: string): number => Number(answer.split(' ')[1]);

describe('control server', () => {
  let router: FakeRouter;
  beforeEach(async () => {
    router = await startFakeRouter({
      attach: async ({ addresses }) =>
        addresses[0] === '10.0.0.99/24'
          ? refuse({ code: 'address-taken', value: '10.0.0.99', holder: 'box9', host: 'host2' })
          : ok({ addresses }),
      forget: () => {
        throw new Error('a bug');
      },
    });
  });
  afterEach(() => router.close());

  it('gives what the handlers give, for each route', async () => {
    expect(await ask(router.socket, 'report')).toEqual(ok(JSON.parse(JSON.stringify(REPORT))));
    expect(await ask(router.socket, 'attach', { container: 'box1', addresses: ['10.0.0.11/24'] })).toEqual(
      ok({ addresses: ['10.0.0.11/24'] }),
    );
    expect(await ask(router.socket, 'connect', { peers: ['a'], replace: true })).toEqual(ok({}));
    expect(router.calls.slice(-1)).toEqual([['connect', { peers: ['a'], replace: true }]]);
    for (const name of ['health', 'dataplane', 'leave', 'stop'] as const)
      expect((await ask(router.socket, name)).ok).toBe(true);
  });

  it('ends at once while connections are kept, with what is under way answered', async () => {
    const started = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const slow = await startFakeRouter({
      prime: async () => {
        started.resolve();
        await answered.promise;
        return ok(undefined);
      },
    });
    const agent = new Agent({ keepAlive: true });
    const get = (path: string): Promise<string | undefined> =>
      new Promise((resolve, reject) => {
        const outgoing = request({ socketPath: slow.socket, path, agent }, response => {
          response.resume().on('end', () => resolve(response.headers.connection));
        });
        outgoing.on('error', reject).end();
      });
    expect(await get('/health')).toBe('keep-alive');
    const last = get('/ring');
    await started.promise;
    const ended = slow.close();
    answered.resolve();
    expect(await last).toBe('close');
    await ended;
    agent.destroy();
  });

  it('passes a refusal on as it is, with its sentence', async () => {
    const body = { container: 'box1', addresses: ['10.0.0.99/24'] };
    const problem = { code: 'address-taken', value: '10.0.0.99', holder: 'box9', host: 'host2' } as const;
    expect(await ask(router.socket, 'attach', body)).toEqual(refuse(problem));
    const answer = await raw(router.socket, post('/attach', JSON.stringify(body)));
    expect(status(answer)).toBe(409);
    expect(answer).toContain('10.0.0.99 is held by box9 on host2');
  });

  it('opens its socket to its owner alone', () => {
    expect(statSync(router.socket).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(router.socket)).mode & 0o777).toBe(0o755);
  });

  it.each([
    ['an unknown path', 'GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n', 404],
    [
      'a path that is not in the table but on every object',
      'GET /constructor HTTP/1.1\r\nhost: x\r\n\r\n',
      404,
    ],
    ['a wrong method', 'GET /attach HTTP/1.1\r\nhost: x\r\n\r\n', 405],
    ['a path that is not encoded', 'GET /ip/%zz HTTP/1.1\r\nhost: x\r\n\r\n', 404],
    ['an owner of nothing', 'GET /ip//10.32.0.1 HTTP/1.1\r\nhost: x\r\n\r\n', 404],
    ['an owner that is too long', `GET /ip/${'x'.repeat(513)} HTTP/1.1\r\nhost: x\r\n\r\n`, 400],
    ['an unknown method', 'DELETE /report HTTP/1.1\r\nhost: x\r\n\r\n', 405],
    ['a body that is not JSON', post('/attach', '{"container":'), 400],
    ['a body of another type', post('/attach', '[]'), 400],
    ['no body', post('/attach', ''), 400],
    ['no address to detach', post('/detach', '{"container":"box1","addresses":[]}'), 400],
    ['no container', post('/attach', '{"container":"","addresses":[]}'), 400],
    ['an unknown field', post('/attach', '{"container":"b","addresses":["1.1.1.1/8"],"x":1}'), 400],
    ['a number for a name', post('/detach', '{"container":1}'), 400],
    ['a body that is too long', post('/attach', JSON.stringify({ container: 'x'.repeat(70_000) })), 413],
    ['a header that is too long', `GET /report HTTP/1.1\r\nhost: ${'x'.repeat(70_000)}\r\n\r\n`, 431],
    ['no HTTP', 'hello\r\n\r\n', 400],
  ])('refuses %s', async (_, bytes, expected) => {
    expect(status(await raw(router.socket, bytes))).toBe(expected);
    expect(router.calls.filter(([name]) => name !== 'health')).toEqual([]);
  });

  it('says which method a path takes', async () => {
    expect(await raw(router.socket, 'GET /stop HTTP/1.1\r\nhost: x\r\n\r\n')).toMatch(/^allow: POST\r$/m);
    expect(await raw(router.socket, 'PUT /ip/box HTTP/1.1\r\nhost: x\r\n\r\n')).toMatch(
      /^allow: POST, DELETE, GET\r$/m,
    );
  });

  it.each([
    ['POST /ip/box1', ['allocate', { owner: 'box1' }]],
    ['POST /ip/box1/10.32.8.0/24', ['allocate', { owner: 'box1', subnet: '10.32.8.0/24' }]],
    ['POST /ip/netns:%2Frun%2Fbox', ['allocate', { owner: 'netns:/run/box' }]],
    ['PUT /ip/box1/10.32.8.7/24', ['claim', { owner: 'box1', address: '10.32.8.7/24' }]],
    ['DELETE /ip/box1', ['release', { owner: 'box1' }]],
    ['DELETE /ip/box1/10.32.8.7', ['release', { owner: 'box1', address: '10.32.8.7' }]],
    ['GET /ip/box1', ['held', { owner: 'box1' }]],
    ['GET /ip/box1/10.32.8.0/24?x=1', ['held', { owner: 'box1', subnet: '10.32.8.0/24' }]],
    ['GET /ip', ['owned', {}]],
    ['GET /ring', ['prime', {}]],
    ['POST /ip/box1?check-alive=true&more=1', ['allocate', { owner: 'box1', checkAlive: true }]],
    [
      'PUT /ip/box1/10.32.0.1/12?check-alive=false',
      ['claim', { owner: 'box1', address: '10.32.0.1/12', checkAlive: false }],
    ],
    ['GET /ip/box1?check-alive=true', ['held', { owner: 'box1' }]],
  ] as const)('takes %s for %j, as its client writes it', async (line, [name, request]) => {
    const answer = await raw(router.socket, `${line} HTTP/1.1\r\nhost: x\r\n\r\n`);
    expect(status(answer)).toBe(200);
    expect((await ask(router.socket, name, request as never)).ok).toBe(true);
    expect(router.calls.slice(-2)).toEqual([
      [name, request],
      [name, request],
    ]);
  });

  it('answers on after a handler threw', async () => {
    expect(await ask(router.socket, 'forget', { peers: ['a'] })).toMatchObject({
      ok: false,
      problem: { code: 'router-refused' },
    });
    expect((await ask(router.socket, 'health')).ok).toBe(true);
  });

  it('never fails by what it is sent', async () => {
    const paths = fc.constantFrom(
      ...Object.values(ROUTES).flatMap(({ paths }) => paths.map(path => path.replace(/\{.*?\}/g, 'x'))),
      '/ip/%',
      '/ip/%00/10.32.0.0/24',
    );
    const bodies = fc.oneof(fc.json(), fc.string({ unit: 'binary' }));
    const methods = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD');
    await fc.assert(
      fc.asyncProperty(methods, paths, bodies, async (method, path, body) => {
        fc.pre(path !== '/forget');
        const answer = await raw(router.socket, post(path, body).replace('POST', method));
        expect([200, 400, path === '/ip/%' ? 404 : 200, 405, 409]).toContain(status(answer));
      }),
      { numRuns: 200 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async bytes => {
        await raw(router.socket, bytes);
      }),
      { numRuns: 100 },
    );
    expect((await ask(router.socket, 'health')).ok).toBe(true);
  });

  it('refuses to start beside a router that answers, and leaves it alone', async () => {
    const second = createControlServer({
      socketPath: router.socket,
      handlers: {} as never,
      log: createFakeLog(),
    });
    expect(await second.start()).toEqual(
      refuse({ code: 'router-running', how: `native, process ${process.pid}` }),
    );
    expect((await ask(router.socket, 'health')).ok).toBe(true);
  });
});

describe('control socket', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mcl-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('replaces the socket of a router that died, and removes its own', async () => {
    const path = join(directory, 'mesh.sock');
    writeFileSync(path, '');
    const server = createControlServer({ socketPath: path, handlers: {} as never, log: createFakeLog() });
    expect(await server.start()).toEqual(ok(undefined));
    expect(statSync(path).isSocket()).toBe(true);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  it('does not take the socket of another program', async () => {
    const path = join(directory, 'mesh.sock');
    const other = createServer(client => client.end('hello')).listen(path);
    const server = createControlServer({ socketPath: path, handlers: {} as never, log: createFakeLog() });
    expect(await server.start()).toMatchObject({ ok: false, problem: { code: 'router-running' } });
    other.close();
  });

  it('says where it can not listen', async () => {
    writeFileSync(join(directory, 'file'), '');
    const path = join(directory, 'file', 'mesh.sock');
    const server = createControlServer({ socketPath: path, handlers: {} as never, log: createFakeLog() });
    expect(await server.start()).toMatchObject({ ok: false, problem: { code: 'state-unwritable', path } });
  });

  it('tells a client that no router is running', async () => {
    const socket = join(directory, 'mesh.sock');
    const expected = refuse({ code: 'router-not-running', socket });
    expect(await call(socket, 'GET', '/health')).toEqual(expected);
    writeFileSync(socket, '');
    expect(await call(socket, 'GET', '/health')).toEqual(expected);
  });

  it('takes a router that ends while it is asked for one that does not run', async () => {
    const path = join(directory, 'mesh.sock');
    const other = createServer(client => client.once('data', () => client.end())).listen(path);
    expect(await call(path, 'GET', '/health')).toEqual(refuse({ code: 'router-not-running', socket: path }));
    other.close();
  });

  it.each([
    ['HTTP/1.1 200 OK\r\n\r\nhello', 'is not JSON'],
    [
      'HTTP/1.1 409 Conflict\r\n\r\n{"problem":{"code":"of-another-version"},"message":"a sentence"}',
      'a sentence',
    ],
    ['HTTP/1.1 404 Not Found\r\n\r\n{}', 'status 404'],
    ['hello', 'Parse Error'],
  ])('gives a client a sentence for an answer like %j', async (answer, why) => {
    const path = join(directory, 'mesh.sock');
    const other = createServer(client => client.once('data', () => client.end(answer))).listen(path);
    expect(await call(path, 'GET', '/health')).toEqual(
      refuse({ code: 'router-refused', why: expect.stringContaining(why) }),
    );
    other.close();
  });
});
