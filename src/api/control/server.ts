import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { describe, ok, type Problem, type Result, refuse } from '../../core/errors.ts';
import type { Log } from '../../ports/log.ts';
import { ask } from './client.ts';
import { type ControlCall, type ControlHandlers, ROUTES } from './contract.ts';
import { compilePath, matchPath, type Parameters } from './path.ts';
import { parseRequest } from './schema.ts';

export interface ControlServerOptions {
  readonly socketPath: string;
  readonly handlers: ControlHandlers;
  readonly log: Log;
}

export interface ControlServer {
  /**
   * Listens; the socket of a router that died is replaced. Refuses with `router-running`, `no-permission`,
   * `state-unwritable`.
   */
  start(): Promise<Result<void>>;
  /** Takes no more requests, ends when those under way are answered, and removes the socket. */
  close(): Promise<void>;
}

const LONGEST_BODY = 64 * 1024;
/** A request is a few hundred bytes from this host: who takes longer to send it is stuck. */
const REQUEST_TIMEOUT_MS = 10_000;
const PATTERNS = (Object.keys(ROUTES) as ControlCall[]).flatMap(name =>
  ROUTES[name].paths.map(path => ({ name, compiled: compilePath(path) })),
);

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly allow?: string;
}

type Handler = (request: unknown) => Promise<Result<unknown>>;

export function createControlServer({ socketPath, handlers, log }: ControlServerOptions): ControlServer {
  let closing = false;

  async function answer(request: IncomingMessage): Promise<Answer> {
    const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
    const matches = matchesOf(path);
    if (matches.length === 0) return failure(404, `there is no ${path}`);
    const match = matches.find(({ name }) => ROUTES[name].method === request.method);
    if (match === undefined) {
      const allow = [...new Set(matches.map(({ name }) => ROUTES[name].method))].join(', ');
      return { ...failure(405, `${path} takes ${allow}`), allow };
    }
    const { name, parameters } = match;
    const text = await readBody(request);
    if (text === undefined) return failure(413, `a body has at most ${LONGEST_BODY} bytes`);
    const parsed = parseRequest(name, text, { ...queryOf(name, query), ...parameters });
    if (!parsed.ok) return failure(400, parsed.why);
    const result = await (handlers[name] as Handler).call(handlers, parsed.value);
    return result.ok ? { status: 200, body: result.value ?? {} } : refusal(result.problem);
  }

  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request).then(
      given => reply(response, given, closing),
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNRESET') return; // Who asked is gone.
        log.error('a control request failed', { path: request.url, error: String(error) });
        reply(response, failure(500, 'the router failed to answer; its log says why'), closing);
      },
    );
  });

  return {
    async start() {
      const free = await freeSocket(socketPath);
      return free.ok ? listen(server, socketPath, log) : free;
    },
    close: () =>
      new Promise(resolve => {
        closing = true;
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

interface Match {
  readonly name: ControlCall;
  readonly parameters: Parameters;
}

function matchesOf(path: string): readonly Match[] {
  return PATTERNS.flatMap(({ name, compiled }) => {
    const parameters = matchPath(compiled, path);
    return parameters === undefined ? [] : [{ name, parameters }];
  });
}

/** What the call takes of what stands behind the `?`. */
function queryOf(name: ControlCall, query: string): Parameters {
  const known = ROUTES[name].query ?? {};
  const given = [...new URLSearchParams(query)].filter(([key]) => known[key] !== undefined);
  return Object.fromEntries(given.map(([key, value]) => [known[key]!, value]));
}

function failure(status: number, message: string): Answer {
  return { status, body: { message } };
}

function refusal(problem: Problem): Answer {
  return { status: 409, body: { problem, message: describe(problem) } };
}

/** Who asks often keeps its connection; the `last` answer ends it, so that nothing idle is left to wait for. */
function reply(response: ServerResponse, { status, body, allow }: Answer, last: boolean): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': text.length,
    ...(last ? { connection: 'close' } : {}),
    ...(allow === undefined ? {} : { allow }),
  });
  response.end(text);
}

/** The whole body, or undefined where it is too long; what is too long is read to its end but not kept. */
function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // An iterator would take twice as long, which an attach would show.
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= LONGEST_BODY) chunks.push(chunk);
    });
    request.on('end', () => resolve(length <= LONGEST_BODY ? Buffer.concat(chunks).toString() : undefined));
    request.on('error', reject);
  });
}

/** Makes room for a socket: what a router that died left is removed, that of a live one is refused. */
async function freeSocket(path: string): Promise<Result<void>> {
  const health = await ask(path, 'health');
  if (health.ok) {
    const { how, pid } = health.value;
    return refuse({ code: 'router-running', how: `${how}, process ${pid}` });
  }
  if (health.problem.code === 'router-not-running') {
    return attempt(path, () => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      rmSync(path, { force: true });
    });
  }
  return health.problem.code === 'no-permission'
    ? health
    : refuse({ code: 'router-running', how: `something that is no router answers on ${path}` });
}

function attempt(path: string, action: () => void): Result<void> {
  try {
    action();
    return ok(undefined);
  } catch (error) {
    return unwritable(path, error as NodeJS.ErrnoException);
  }
}

function unwritable(path: string, error: NodeJS.ErrnoException): Result<never> {
  return error.code === 'EACCES'
    ? refuse({ code: 'no-permission', what: `listen on ${path}` })
    : refuse({ code: 'state-unwritable', path, why: error.code ?? error.message });
}

function listen(server: Server, path: string, log: Log): Promise<Result<void>> {
  return new Promise(resolve => {
    server.once('error', error => resolve(unwritable(path, error)));
    server.once('listening', () => {
      server.on('error', error => log.error('the control socket failed', { error: String(error) }));
      resolve(ok(undefined));
    });
    // The socket is made inside this call, so that it is never open to others, not even for a moment.
    const umask = process.umask(0o177);
    server.listen(path);
    process.umask(umask);
  });
}
