import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { ok, type Problem, type Result, refuse } from '../../core/errors.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';

/** Files of who may ask over TCP: both sides show a certificate of the authority. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface ListenOptions {
  readonly address: ListenAddress;
  /** Only over TCP; undefined: anybody may ask. */
  readonly tls: TlsFiles | undefined;
  /** The engine's own socket, whose owner and mode others get. */
  readonly like: string | undefined;
  readonly onClient: (socket: Socket) => void;
  readonly onError: (error: Error) => void;
}

/** Asks for the owner, so that nobody else may, where the engine has no socket to be like. */
const OWNER_ONLY = 0o600;

/** Listens; gives what ends it. Refuses with `proxy-address`. */
export async function listen(options: ListenOptions): Promise<Result<() => void>> {
  const { address } = options;
  try {
    const server = createProxyServer(options);
    if (address.kind === 'tcp') await bind(server, { host: address.host, port: address.port });
    else await bindSocket(server, address.path, options.like);
    server.on('error', options.onError);
    return ok(() => {
      server.close();
      // Node removes the socket; a stale one would say "refused" where nothing is.
      if (address.kind === 'unix') rmSync(address.path, { force: true });
    });
  } catch (error) {
    return refuse(problemOf(address, error as NodeJS.ErrnoException));
  }
}

function createProxyServer({ address, tls, onClient }: ListenOptions): Server {
  // A client may have said all that it will, and wait for the answer.
  const common = { allowHalfOpen: true, noDelay: true };
  if (address.kind === 'unix' || tls === undefined) return createServer(common, onClient);
  const files: TlsOptions = {
    ca: readFileSync(tls.ca),
    cert: readFileSync(tls.cert),
    key: readFileSync(tls.key),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1'],
  };
  return createTlsServer({ ...common, ...files }, onClient).on('tlsClientError', () => undefined);
}

/** What a router that died left is replaced; where somebody answers, it is refused. */
async function bindSocket(server: Server, path: string, like: string | undefined): Promise<void> {
  if (await answers(path))
    throw Object.assign(new Error('something answers there already'), { code: 'EADDRINUSE' });
  rmSync(path, { force: true });
  mkdirSync(dirname(path), { recursive: true });
  // Never open to others than those it is meant for, not even for a moment.
  const umask = process.umask(0o177);
  try {
    await bind(server, { path });
  } finally {
    process.umask(umask);
  }
  const model = like === undefined ? undefined : statSync(like, { throwIfNoEntry: false });
  chmodSync(path, model === undefined ? OWNER_ONLY : model.mode & 0o777);
  if (model !== undefined) chownSync(path, model.uid, model.gid);
}

function bind(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ path });
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function problemOf(address: ListenAddress, error: NodeJS.ErrnoException): Problem {
  return { code: 'proxy-address', address: formatListenAddress(address), why: error.message };
}
