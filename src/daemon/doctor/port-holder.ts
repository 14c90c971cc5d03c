import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { PortHolder } from './check.ts';

type Protocol = 'tcp' | 'udp';

/** Who has a port of this host, found out by taking it for a moment; undefined where it could be taken. */
export async function portHolder(protocol: Protocol, port: number): Promise<PortHolder | undefined> {
  const code = await (protocol === 'tcp' ? tryTcp(port) : tryUdp(port));
  if (code !== 'EADDRINUSE') return undefined;
  const owner = processWith(inodesOf(protocol, port));
  // A socket of the kernel's own is no process's.
  const unseen = protocol === 'udp' ? 'the kernel itself (another VXLAN device?), or ' : '';
  return { who: owner ?? `${unseen}a process that can't be seen from here` };
}

/** The code of the error, undefined where the port is free. */
function tryTcp(port: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function tryUdp(port: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const socket = createSocket('udp4');
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code);
    });
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}

/** State `0A` in proc(5), /proc/net/tcp. */
const LISTENING = '0A';

function inodesOf(protocol: Protocol, port: number): readonly string[] {
  return [protocol, `${protocol}6`].flatMap(name => inodesIn(readText(`/proc/net/${name}`), protocol, port));
}

/** The inodes of the sockets bound to `port`, from the text of /proc/net/tcp or one of its sisters (proc(5)). */
export function inodesIn(text: string, protocol: Protocol, port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return text.split('\n').flatMap(line => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    const bound = local?.endsWith(`:${hex}`) && (protocol === 'udp' || state === LISTENING);
    return bound && inode !== undefined ? [inode] : [];
  });
}

function processWith(inodes: readonly string[]): string | undefined {
  const wanted = new Set(inodes.map(inode => `socket:[${inode}]`));
  for (const pid of names('/proc').filter(name => /^\d+$/.test(name))) {
    const folder = join('/proc', pid, 'fd');
    if (names(folder).some(fd => wanted.has(target(join(folder, fd))))) {
      return `process ${pid} (${readText(`/proc/${pid}/comm`).trim()})`;
    }
  }
  return undefined;
}

/** Processes come and go while one looks. */
function quietly<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

const names = (folder: string): readonly string[] => quietly(() => readdirSync(folder), []);
const target = (path: string): string => quietly(() => readlinkSync(path), '');
const readText = (path: string): string => quietly(() => readFileSync(path, 'utf8'), '');
