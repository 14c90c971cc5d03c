import { createSocket } from 'node:dgram';
import type { Vtep } from '../../../core/address.ts';
import { AF_INET, bind, close, duplicate, SOCK_DGRAM, setSocketOption, socket } from '../libc.ts';
import { makeRoom, RECEIVE_BUFFER, SEND_BUFFER, socketAddress } from '../socket-setup.ts';

const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
/** Sent as large as the device takes it, and routers on the way may cut it up. */
const IP_PMTUDISC_INTERFACE = 4;
const SOL_UDP = 17;
const UDP_GRO = 104;
/** A hundred of the largest messages. */
const BUFFER = 8 << 20;

/** The UDP socket in the namespace that the thread is in. Throws a `KernelError`. */
export function openDatagrams(at: Vtep): number {
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  try {
    makeRoom(fd, RECEIVE_BUFFER, BUFFER);
    makeRoom(fd, SEND_BUFFER, BUFFER);
    setSocketOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_INTERFACE);
    setSocketOption(fd, SOL_UDP, UDP_GRO, 1);
    bind(fd, socketAddress(at));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
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
