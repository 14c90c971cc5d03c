import koffi from 'koffi';
import { close, errnoName, KernelError, open } from '../libc.ts';
import { VNET_HEADER } from './wire.ts';

/** TAP devices (linux/if_tun.h). The device lives as long as its descriptor is open. */

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;
/** Since Linux 6.17: what is in VXLAN stays together, too. */
const TUN_F_UDP_TUNNEL_GSO = 0x80;
const PARTS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

const library = koffi.load(null);
const native = {
  withBytes: library.func('ioctl', 'int', ['int', 'unsigned long', 'uint8_t *']),
  withValue: library.func('ioctl', 'int', ['int', 'unsigned long', 'unsigned long']),
};

const refusal = (what: string): KernelError => new KernelError(what, errnoName(koffi.errno()));

/** Makes the device in the namespace that the thread is in. Reads never block. Throws a `KernelError`. */
export function openTap(name: string): number {
  const fd = open('/dev/net/tun', O_RDWR | O_NONBLOCK);
  try {
    const request = Buffer.alloc(40);
    request.write(name);
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, 16);
    const size = Buffer.alloc(4);
    size.writeInt32LE(VNET_HEADER);
    const isMade =
      native.withBytes(fd, TUNSETIFF, request) >= 0 && native.withBytes(fd, TUNSETVNETHDRSZ, size) >= 0;
    if (!isMade) throw refusal(`make the device ${name}`);
    if (native.withValue(fd, TUNSETOFFLOAD, PARTS) < 0) throw refusal(`set up the device ${name}`);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Whether frames in VXLAN come and go as large as the kernel keeps them together; gives whether it can do that. */
export function keepWhole(fd: number, isWhole: boolean): boolean {
  return native.withValue(fd, TUNSETOFFLOAD, isWhole ? PARTS | TUN_F_UDP_TUNNEL_GSO : PARTS) >= 0;
}
