import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ok, type Result, refuse } from '../../core/errors.ts';
import { CUT_OFF } from '../../ports/engine-endpoints.ts';
import type { Log } from '../../ports/log.ts';
import { type Method, type Methods, type PluginHost, Refusal } from './host.ts';
import { ipamDriver } from './ipam-driver.ts';
import { networkDriver } from './network-driver.ts';
import { EMPTY } from './requests.ts';

/** What an engine calls when it makes networks and containers on them: HTTP on a socket where it looks for drivers. */
export interface PluginServer {
  /** Listens; the socket of a router that died is replaced. Refuses with `state-unwritable`, `no-permission`. */
  start(): Promise<Result<void>>;
  /** Ends when the calls under way are answered; removes the socket, on which an engine would wait in vain. */
  close(): Promise<void>;
}

export interface PluginServerOptions {
  readonly socketPath: string;
  readonly host: PluginHost;
  /** Of interfaces in containers; the engine adds a number. */
  readonly prefix: string;
  /** Of networks: whether their containers have a route for multicast. */
  readonly multicastOption: string;
  readonly log: Log;
  readonly callMs?: number;
}

/** An engine waits for an answer without an end, and holds a container's lock all the while. */
const CALL_MS = 10_000;
const LONGEST_BODY = 1024 * 1024;
const MIME = 'application/vnd.docker.plugins.v1.1+json';

interface Answer {
  readonly status: number;
  readonly body: object;
}

/** How each driver says that it refuses. */
const FAILURES: Readonly<Record<string, (text: string) => object>> = {
  NetworkDriver: Err => ({ Err }),
  IpamDriver: text => ({ Error: text }),
  Plugin: Err => ({ Err }),
};

export function createPluginServer(options: PluginServerOptions): PluginServer {
  const { callMs = CALL_MS, host, log, multicastOption, prefix, socketPath } = options;
  const drivers: Readonly<Record<string, Methods>> = {
    NetworkDriver: networkDriver(host, { prefix, multicastOption }),
    IpamDriver: ipamDriver(host),
  };

  function find(path: string): { readonly driver: string; readonly method: Method } | undefined {
    const [, driver = '', name = ''] = /^\/(\w+)\.(\w+)$/.exec(path) ?? [];
    const methods = Object.hasOwn(drivers, driver) ? drivers[driver] : undefined;
    return methods !== undefined && Object.hasOwn(methods, name)
      ? { driver, method: methods[name]! }
      : undefined;
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    const path = request.url ?? '';
    const text = await readBody(request);
    if (path === '/Plugin.Activate') return { status: 200, body: { Implements: Object.keys(drivers) } };
    const found = find(path);
    // So an engine is told that a method is not there, which it takes well.
    if (found === undefined) return { status: 404, body: { Err: `the mesh has no ${path}` } };
    const failed = (why: string): Answer => {
      log.warn('a call of the engine was refused', { call: path.slice(1), why });
      return { status: 200, body: FAILURES[found.driver]!(why) };
    };
    if (request.method !== 'POST') return failed(`${path} takes POST`);
    if (text === undefined) return failed(`a request has at most ${LONGEST_BODY} bytes`);
    // Taken for a wish for anything, it would make a network of any subnet where one was named.
    if (text === '' && found.method.request !== EMPTY) return failed(`${path.slice(1)}: ${CUT_OFF}`);
    const parsed = found.method.request.safeParse(parseJson(text));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return failed(`${path.slice(1)}: ${issue?.path.join('.') || 'the request'}: ${issue?.message}`);
    }
    try {
      const body = await within(callMs, path, found.method.call(parsed.data as never));
      log.debug('a call of the engine', { call: path.slice(1) });
      return { status: 200, body };
    } catch (error) {
      if (error instanceof Refusal) return failed(error.message);
      log.error('a call of the engine failed', { call: path, error: String(error) });
      return { status: 200, body: FAILURES[found.driver]!('the router failed to answer; its log says why') };
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      given => reply(response, given),
      // Who asked is gone.
      error => log.debug('a call of the engine broke off', { error: String(error) }),
    );
  });

  return {
    async start() {
      const free = await freeSocket(socketPath);
      if (!free.ok) return free;
      return new Promise(resolve => {
        server.once('error', error => resolve(unwritable(socketPath, error)));
        server.once('listening', () => {
          server.on('error', error => log.error('the plugin socket failed', { error: String(error) }));
          resolve(ok(undefined));
        });
        const umask = process.umask(0o177);
        server.listen(socketPath);
        process.umask(umask);
      });
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeIdleConnections();
        rmSync(socketPath, { force: true });
      }),
  };
}

async function within<Value>(callMs: number, path: string, call: Promise<Value>): Promise<Value> {
  const abort = new AbortController();
  const late = sleep(callMs, undefined, { signal: abort.signal }).then(() => {
    throw new Refusal(
      `${path.slice(1)}: no answer of the mesh within ${callMs / 1_000} s; see "mesh status"`,
    );
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    abort.abort();
    late.catch(() => undefined);
    call.catch(() => undefined);
  }
}

function reply(response: ServerResponse, { status, body }: Answer): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': MIME, 'content-length': text.length });
  response.end(text);
}

/** Undefined where it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= LONGEST_BODY) chunks.push(chunk);
  }
  return length <= LONGEST_BODY ? Buffer.concat(chunks).toString() : undefined;
}

/** Calls that say nothing come with an empty body, or with `null`. */
function parseJson(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return undefined;
  }
}

/** Makes room for the socket; one that somebody listens on is another plugin's. */
async function freeSocket(path: string): Promise<Result<void>> {
  if (await isAnswered(path)) return refuse({ code: 'plugin-taken', path });
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    rmSync(path, { force: true });
    return ok(undefined);
  } catch (error) {
    return unwritable(path, error as NodeJS.ErrnoException);
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function unwritable(path: string, error: NodeJS.ErrnoException): Result<never> {
  return error.code === 'EACCES'
    ? refuse({ code: 'no-permission', what: `listen on ${path}` })
    : refuse({ code: 'state-unwritable', path, why: error.code ?? error.message });
}
