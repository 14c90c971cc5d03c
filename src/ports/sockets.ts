import type { Ipv4 } from '../core/address.ts';
import type { Result } from '../core/errors.ts';

/** Who sent a datagram: an IPv4 address as an unsigned number, and a port. */
export interface Source {
  readonly address: number;
  readonly port: number;
}

/** Where a socket is bound. */
export interface SocketPlace {
  readonly address: Ipv4;
  readonly port: number;
  /** Path of a network namespace; undefined: the host's own. */
  readonly namespace: string | undefined;
}

/** Takes a datagram and writes the answer into `into`; gives its length, 0 for none (now). Keeps neither buffer. */
export type Answerer = (datagram: Buffer, source: Source, into: Buffer) => number;

export interface Datagrams {
  /** Sends one that `Answerer` left for later. Lost where there is no room, or after `close`. */
  send(bytes: Uint8Array, to: Source): void;
  close(): void;
}

/**
 * Sockets in any namespace. Both refuse with `dns-port-in-use`, `no-such-host-address`, `no-permission`,
 * `namespace-unknown`, `kernel-refused`.
 */
export interface Sockets {
  datagrams(place: SocketPlace, answerer: Answerer): Result<Datagrams>;
  /** A bound TCP socket as a descriptor, for node's `listen({ fd })`, which owns it from then on. */
  stream(place: SocketPlace): Result<number>;
}
