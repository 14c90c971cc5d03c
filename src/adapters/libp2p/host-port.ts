import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import type { Connection } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Parses HOST:PORT, where HOST is an IPv4 address or a name. */
export function parseHostPort(text: string): HostPort | undefined {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(0, colon));
  const port = Number(text.slice(colon + 1));
  if (!/^[A-Za-z0-9._-]+$/.test(host) || !/^\d{1,5}$/.test(text.slice(colon + 1))) return undefined;
  return port >= 1 && port <= 65535 ? { host, port } : undefined;
}

/** The first IPv4 address of a name, by the host's own means; undefined where there is none. */
export async function resolve(host: string): Promise<string | undefined> {
  if (isIPv4(host)) return host;
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    return undefined;
  }
}

/** As libp2p writes it. */
export function toMultiaddr({ host, port }: HostPort): string {
  return `/${isIPv4(host) ? 'ip4' : 'dns4'}/${host}/tcp/${port}`;
}

/** HOST:PORT of a multiaddr such as `/ip4/192.168.48.12/tcp/6783/p2p/12D3KooW...`. */
export function fromMultiaddr(address: Multiaddr): string {
  const [host, port] = address.getComponents();
  return `${host?.value}:${port?.value}`;
}

/** HOST:PORT of the other end. */
export const remoteOf = (connection: Pick<Connection, 'remoteAddr'>): string =>
  fromMultiaddr(connection.remoteAddr);
