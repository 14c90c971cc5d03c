import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { ok, type Result, refuse } from '../../../core/errors.ts';
import type { Log } from '../../../ports/log.ts';
import type { ControlHandlers } from '../../control/contract.ts';
import { compilePath, matchPath } from '../../control/path.ts';
import { changeRoutes } from './changes.ts';
import { type QuestionParts, questionRoutes } from './questions.ts';
import { NOT_FOUND, type Reply, text } from './reply.ts';
import type { Routes } from './route.ts';

export interface WeaveHttpOptions extends QuestionParts {
  /** `HOST:PORT`, or the path of a unix socket: answers everything. */
  readonly control: readonly string[];
  /** The same forms: answers what changes nothing. */
  readonly status: readonly string[];
  readonly handlers: ControlHandlers;
  readonly log: Log;
}

export interface WeaveHttp {
  /** Refuses with `http-address`, listening nowhere then. */
  start(): Promise<Result<void>>;
  /** Ends what is under way, too: somebody may wait for an address. */
  stop(): Promise<void>;
}

const LONGEST_BODY = 64 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const FORBIDDEN = 403;
const TOO_LONG = 413;
const WRONG_METHOD = 405;

/** What Weave's router answers by HTTP, for programs that ask it. */
export function createWeaveHttp(options: WeaveHttpOptions): WeaveHttp {
  const { control, handlers, log, status } = options;
  const questions = questionRoutes(options);
  const everything = [...questions, ...changeRoutes(handlers)];
  let servers: readonly Server[] = [];

  async function stop(): Promise<void> {
    const ended = servers.map(server => new Promise(resolve => server.close(resolve)));
    for (const server of servers) server.closeAllConnections();
    servers = [];
    await Promise.all(ended);
  }

  return {
    async start() {
      const places = [
        ...control.map(address => ({ address, routes: everything })),
        ...status.map(address => ({ address, routes: questions })),
      ];
      for (const { address, routes } of places) {
        const server = serverOf(routes, log);
        const listening = await listen(server, address);
        if (!listening.ok) {
          await stop();
          return listening;
        }
        servers = [...servers, server];
      }
      return ok(undefined);
    },
    stop,
  };
}

function serverOf(routes: Routes, log: Log): Server {
  const compiled = routes.map(([method, path, answer]) => ({ method, pattern: compilePath(path), answer }));

  async function answer(request: IncomingMessage): Promise<Reply> {
    if (isForeign(request)) return text('asked by a page of another site\n', FORBIDDEN);
    const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
    const matches = compiled.flatMap(({ method, pattern, answer: give }) => {
      const parameters = matchPath(pattern, path);
      return parameters === undefined ? [] : [{ method, parameters, give }];
    });
    if (matches.length === 0) return NOT_FOUND;
    const match = matches.find(({ method }) => method === request.method);
    if (match === undefined) {
      const allow = [...new Set(matches.map(({ method }) => method))].join(', ');
      return { ...text(`${path} takes ${allow}\n`, WRONG_METHOD), allow };
    }
    const body = await readBody(request);
    if (body === undefined) return text(`a body has at most ${LONGEST_BODY} bytes\n`, TOO_LONG);
    return match.give({
      parameters: match.parameters,
      query: new URLSearchParams(query),
      form: new URLSearchParams(body),
      accept: request.headers.accept ?? '',
    });
  }

  return createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request).then(
      given => send(response, given),
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNRESET') return; // Who asked is gone.
        log.error('an HTTP request failed', { path: request.url, error: String(error) });
        send(response, text('the router failed to answer; its log says why\n', 500));
      },
    );
  });
}

/** A browser says whose page asks, and by what name; nobody else has to be kept out of what only this host reaches. */
function isForeign({ headers: { host = '', origin } }: IncomingMessage): boolean {
  const name = host.replace(/:\d+$/, '');
  return origin !== undefined || (name !== 'localhost' && name !== '' && isIP(name) === 0);
}

function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= LONGEST_BODY) chunks.push(chunk);
    });
    request.on('end', () => resolve(length <= LONGEST_BODY ? Buffer.concat(chunks).toString() : undefined));
    request.on('error', reject);
  });
}

function send(response: ServerResponse, { allow, status, text: body, type = 'text/plain' }: Reply): void {
  const bytes = Buffer.from(body);
  const hasBody = status !== 204;
  response.writeHead(status, {
    ...(hasBody && { 'content-type': type, 'content-length': bytes.length }),
    ...(allow === undefined ? {} : { allow }),
  });
  response.end(hasBody ? bytes : undefined);
}

function listen(server: Server, address: string): Promise<Result<void>> {
  const isPath = address.startsWith('/');
  const [host, port] = address.split(':');
  // Of a router that died: a live one would have refused this one by its control socket.
  if (isPath) rmSync(address, { force: true });
  return new Promise(resolve => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(refuse({ code: 'http-address', address, why: error.code ?? error.message })),
    );
    server.once('listening', () => resolve(ok(undefined)));
    const umask = process.umask(0o177);
    if (isPath) server.listen(address);
    else server.listen(Number(port), host === '' ? '0.0.0.0' : host);
    process.umask(umask);
  });
}
