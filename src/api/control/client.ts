import { request } from 'node:http';
import { isProblemCode, ok, type Problem, type Result, refuse } from '../../core/errors.ts';
import { type ControlCall, type ControlHandlers, ROUTES, type Route } from './contract.ts';
import { LONGEST_TIMEOUT_S } from './ipam-options.ts';
import { fillPath } from './path.ts';

/** An engine may be busy; longer than this, nothing will come. */
const TIMEOUT_MS = 30_000;
/** What a router tells of itself it tells at once, if at all. */
const TELLING_MS = 10_000;

class Silence extends Error {}

/**
 * One call on a router's control socket; gives the body of its answer. Refuses with what the router refused, or with
 * `router-not-running`, `router-silent`, `router-refused`, `no-permission`.
 */
export function call(
  socket: string,
  method: Route['method'],
  path: string,
  body?: object,
  timeoutMs = method === 'GET' ? TELLING_MS : TIMEOUT_MS,
): Promise<Result<unknown>> {
  return new Promise(resolve => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = { host: 'mesh', 'content-length': Buffer.byteLength(text) };
    const outgoing = request({ socketPath: socket, method, path, headers, agent: false }, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve(understand(response.statusCode ?? 0, Buffer.concat(chunks).toString())),
      );
      response.on('error', error => resolve(refuse(lost(socket, error))));
    });
    outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Silence()));
    outgoing.on('error', error =>
      resolve(
        refuse(
          error instanceof Silence
            ? { code: 'router-silent', seconds: timeoutMs / 1000 }
            : lost(socket, error),
        ),
      ),
    );
    outgoing.end(text);
  });
}

/** `call` by name: `ask(socket, 'attach', { container, addresses })`. */
export function ask<Name extends ControlCall>(
  socket: string,
  name: Name,
  ...[request]: Parameters<ControlHandlers[Name]>
): ReturnType<ControlHandlers[Name]> {
  const { method, paths, waits } = ROUTES[name];
  const { path, body } = fillPath(paths, { ...request });
  const isEmpty = Object.keys(body).length === 0;
  const timeoutMs = waits ? TIMEOUT_MS + LONGEST_TIMEOUT_S * 1_000 : undefined;
  return call(socket, method, path, isEmpty ? undefined : body, timeoutMs) as ReturnType<
    ControlHandlers[Name]
  >;
}

function understand(status: number, text: string): Result<unknown> {
  let answer: { problem?: Problem; message?: string };
  try {
    answer = JSON.parse(text);
  } catch {
    return refuse({ code: 'router-refused', why: `its answer (status ${status}) is not JSON` });
  }
  if (status === 200) return ok(answer);
  if (status === 409 && isProblemCode(answer.problem?.code)) return refuse(answer.problem as Problem);
  return refuse({ code: 'router-refused', why: answer.message ?? `status ${status}` });
}

function lost(socket: string, error: NodeJS.ErrnoException): Problem {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ECONNREFUSED':
    // It ended while it was asked.
    case 'ECONNRESET':
    case 'EPIPE':
      return { code: 'router-not-running', socket };
    case 'EACCES':
    case 'EPERM':
      return { code: 'no-permission', what: `open ${socket}` };
    default:
      return { code: 'router-refused', why: error.message };
  }
}
