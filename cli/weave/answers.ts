import { request } from 'node:http';
import { ok, type Problem, type Result, refuse } from '../../src/core/errors.ts';
import type { Context } from '../context.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

const TIMEOUT_MS = 30_000;

/** Where the router answers as Weave's does; `WEAVE_HTTP_ADDR` says it where it was launched with another. */
function placeOf({ env, profile }: Context): string {
  const said = env[`${profile.environmentPrefix}HTTP_ADDR`];
  return (said === undefined || said === '' ? undefined : said) ?? profile.initial.httpAddresses?.[0] ?? '';
}

/** `GET PATH` of the router; refuses with `router-not-running` and `router-silent`. */
export function get(context: Context, path: string, accept = '*/*'): Promise<Result<HttpAnswer>> {
  const place = placeOf(context);
  const [host, port] = place.split(':');
  const where = place.startsWith('/')
    ? { socketPath: place, headers: { accept, host: 'localhost' } }
    : { host: host === '' ? '127.0.0.1' : host, port: Number(port), headers: { accept } };
  return new Promise(resolve => {
    const outgoing = request({ ...where, path, agent: false, timeout: TIMEOUT_MS }, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve(ok({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })),
      );
    });
    outgoing.on('timeout', () => {
      resolve(refuse({ code: 'router-silent', seconds: TIMEOUT_MS / 1_000 }));
      outgoing.destroy();
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(refuse(problemOf(error, place))));
    outgoing.end();
  });
}

function problemOf({ code, message }: NodeJS.ErrnoException, socket: string): Problem {
  const isAbsent = ['ECONNREFUSED', 'ECONNRESET', 'ENOENT'].includes(code ?? '');
  return isAbsent ? { code: 'router-not-running', socket } : { code: 'router-refused', why: message };
}
