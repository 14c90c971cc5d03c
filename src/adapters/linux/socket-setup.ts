import type { Vtep } from '../../core/address.ts';
import { ipv4Bytes } from './bytes.ts';
import { AF_INET, KernelError, SOL_SOCKET, setSocketOption } from './libc.ts';

/** Options for a buffer's size: the one that passes the kernel's limit, and the one that is held to it (socket(7)). */
export const RECEIVE_BUFFER = [33, 8] as const;
export const SEND_BUFFER = [32, 7] as const;

/** struct sockaddr_in. */
export function socketAddress({ address, port }: Vtep): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port, false);
  bytes.set(ipv4Bytes(address), 4);
  return bytes;
}

/** As much as the kernel allows where we may not pass its limit. Throws a `KernelError`. */
export function makeRoom(
  fd: number,
  [forced, asked]: typeof RECEIVE_BUFFER | typeof SEND_BUFFER,
  size: number,
): void {
  try {
    setSocketOption(fd, SOL_SOCKET, forced, size);
  } catch (error) {
    if (!(error instanceof KernelError && error.code === 'EPERM')) throw error;
    setSocketOption(fd, SOL_SOCKET, asked, size);
  }
}
