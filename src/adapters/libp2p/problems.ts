import type { Problem } from '../../core/errors.ts';
import { GreetingError } from './greeting.ts';
import type { HostPort } from './host-port.ts';

/** What libp2p's error about a dial means to a user; `connected` where TCP was through. */
export function dialProblem(peer: string, connected: boolean, error: unknown): Problem {
  const cause = error instanceof AggregateError ? error.errors[0] : error;
  if (cause instanceof GreetingError) return misgreeted(peer, cause);
  if (!(cause instanceof Error)) return { code: 'peer-failed', peer, why: String(cause) };
  if (cause.message === 'Can not dial self') return { code: 'peer-is-self', peer };
  if (connected) return { code: 'peer-failed', peer, why: whileTalking(cause) };
  switch (codeOf(cause)) {
    case 'ECONNREFUSED':
      return { code: 'peer-refused', peer };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { code: 'peer-no-route', peer };
    case 'ETIMEDOUT':
      return { code: 'peer-timeout', peer };
    default:
      return isTimeout(cause)
        ? { code: 'peer-timeout', peer }
        : { code: 'peer-failed', peer, why: cause.message };
  }
}

/** What libp2p's error about listening means to a user. It hands on the texts of node's errors, not the errors. */
export function listenProblem({ host, port }: HostPort, error: unknown): Problem {
  const text = String(error);
  if (text.includes('EADDRINUSE')) return { code: 'port-in-use', port, protocol: 'tcp' };
  if (text.includes('EACCES')) return { code: 'no-permission', what: `listen on port ${port}` };
  if (text.includes('EADDRNOTAVAIL')) return { code: 'no-such-host-address', value: host };
  return { code: 'kernel-refused', what: `listen on ${host}:${port}`, why: text.split('\n')[0] ?? text };
}

function misgreeted(peer: string, { misgreeting }: GreetingError): Problem {
  return misgreeting === 'other-password'
    ? { code: 'peer-wrong-password', peer }
    : { code: 'peer-failed', peer, why: 'what answers there is not a mesh router' };
}

function whileTalking(error: Error): string {
  return isTimeout(error)
    ? 'it took the connection, but did not finish the handshake in time'
    : `it ended the handshake (${error.message})`;
}

const codeOf = (error: Error): unknown => ('code' in error ? error.code : undefined);
const isTimeout = (error: Error): boolean => error.name === 'TimeoutError' || error.name === 'AbortError';
