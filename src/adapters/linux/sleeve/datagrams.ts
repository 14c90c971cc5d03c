import { createSocket } from 'node:dgram';
import type { Vtep } from '../../../core/address.ts';
import { ipv4Bytes } from '../bytes.ts';
import {
  AF_INET,
  bind,
  close,
  duplicate,
  KernelError,
  SOCK_DGRAM,
  SOL_SOCKET,
  setSocketOption,
  socket,
} from '../libc.ts';

const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
/** Sent as large as the device takes it, and routers on the way may cut it up. */
const IP_PMTUDISC_INTERFACE = 4;
const SOL_UDP = 17;
const UDP_GRO = 104;
/** A hundred of the largest messages. */
const BUFFER = 8 << 20;

/** struct sockaddr_in. */
export function socketAddress({ address, port }: Vtep): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port, false);
  bytes.set(ipv4Bytes(address), 4);
  return bytes;
}

/** The UDP socket in the namespace that the thread is in. Throws a `KernelError`. */
export function openDatagrams(at: Vtep): number {
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  try {
    makeRoom(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    makeRoom(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    setSocketOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_INTERFACE);
    setSocketOption(fd, SOL_UDP, UDP_GRO, 1);
    bind(fd, socketAddress(at));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** As much as the kernel allows where we may not pass its limit. */
function makeRoom(fd: number, forced: number, asked: number): void {
  try {
    setSocketOption(fd, SOL_SOCKET, forced, BUFFER);
  } catch (error) {
    if (!(error instanceof KernelError && error.code === 'EPERM')) throw error;
    setSocketOption(fd, SOL_SOCKET, asked, BUFFER);
  }
}

/** Tells of each datagram that comes, until it is closed: for a socket that nobody reads yet. */
export function listenTo(fd: number, heard: (datagram: Buffer) => void): { close(): void } {
  const udp = createSocket('udp4', heard);
  let isOpen = true;
  udp.on('error', () => undefined);
  udp.bind({ fd: duplicate(fd) });
  return {
    close() {
      if (isOpen) udp.close();
      isOpen = false;
    },
  };
}
