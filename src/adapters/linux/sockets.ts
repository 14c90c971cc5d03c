import { createSocket } from 'node:dgram';
import { type Ipv4, toNumber } from '../../core/address.ts';
import { ok, type Problem, type Result, refuse } from '../../core/errors.ts';
import type { Answerer, Datagrams, SocketPlace, Sockets } from '../../ports/sockets.ts';
import { problemOf } from './kernel-problem.ts';
import {
  AF_INET,
  bind,
  close,
  KernelError,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  setSocketOption,
  socket,
} from './libc.ts';
import { type Namespace, openNamespace } from './namespace.ts';
import { makeRoom, RECEIVE_BUFFER, socketAddress } from './socket-setup.ts';

const SO_REUSEADDR = 2;
/** Some thousand questions, so that a burst, or a moment without a processor, makes answers late and not none. */
const ROOM = 4 << 20;

/** What an answer over UDP may have at most. */
const LARGEST_DATAGRAM = 65_507;

/** Sockets of any namespace for this thread. */
export function createSockets(): Sockets {
  return {
    datagrams(place, answerer) {
      const opened = openAt(place, SOCK_DGRAM);
      return opened.ok ? ok(serve(opened.value, answerer)) : opened;
    },
    stream: place => openAt(place, SOCK_STREAM),
  };
}

/** A bound socket; it goes on working outside of its namespace. */
function openAt(place: SocketPlace, type: number): Result<number> {
  let namespace: Namespace | undefined;
  try {
    namespace = place.namespace === undefined ? undefined : openNamespace(place.namespace);
    const open = () => openBound(place.address, place.port, type);
    return ok(namespace === undefined ? open() : namespace.inside(open));
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (place.namespace !== undefined && namespace === undefined)
      return refuse({ code: 'namespace-unknown', path: place.namespace, why: error.why });
    return refuse(bindProblem(error, place));
  } finally {
    namespace?.close();
  }
}

function bindProblem(error: KernelError, { address, port }: SocketPlace): Problem {
  if (error.code === 'EADDRINUSE') return { code: 'dns-port-in-use', address, port };
  if (error.code === 'EADDRNOTAVAIL') return { code: 'no-such-host-address', value: address };
  return problemOf(error);
}

function openBound(address: Ipv4, port: number, type: number): number {
  const fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
  try {
    // Connections of before may still be winding down; of two that listen, the second is refused all the same.
    if (type === SOCK_STREAM) setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    else makeRoom(fd, RECEIVE_BUFFER, ROOM);
    bind(fd, socketAddress({ address, port }));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

function serve(fd: number, answerer: Answerer): Datagrams {
  const udp = createSocket('udp4');
  const into = Buffer.alloc(LARGEST_DATAGRAM);
  udp.on('message', (datagram, { address, port }) => {
    const length = answerer(datagram, { address: toNumber(address)!, port }, into);
    if (length > 0) udp.send(Buffer.from(into.subarray(0, length)), port, address);
  });
  let isOpen = true;
  udp.on('error', () => undefined);
  udp.bind({ fd });
  return {
    send(bytes, to) {
      if (isOpen) udp.send(bytes, to.port, textOf(to.address));
    },
    close() {
      isOpen = false;
      udp.close();
    },
  };
}

const textOf = (address: number): string => [24, 16, 8, 0].map(shift => (address >>> shift) & 255).join('.');
