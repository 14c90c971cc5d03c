import type { Ipv4, Mac } from '../../core/address.ts';

/** Addresses as the kernel has them: bytes in the order of the wire. */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), octet => Number.parseInt(octet, 16));
}

export function ipv4Bytes(address: Ipv4): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

/** Undefined where it is not six bytes. */
export function macOf(bytes: Uint8Array | undefined): Mac | undefined {
  if (bytes?.length !== 6) return undefined;
  const [a, b, c, d, e, f] = bytes as unknown as [number, number, number, number, number, number];
  return `${HEX[a]}:${HEX[b]}:${HEX[c]}:${HEX[d]}:${HEX[e]}:${HEX[f]}` as Mac;
}

/** Undefined where it is not four bytes. */
export function ipv4Of(bytes: Uint8Array | undefined): Ipv4 | undefined {
  if (bytes?.length !== 4) return undefined;
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Ipv4;
}

/** The bytes of a MAC as one number, by which large tables are kept: half the cost of text. */
export function macNumber(mac: Mac): number {
  return Number.parseInt(mac.replaceAll(':', ''), 16);
}

export function macFromNumber(number: number): Mac {
  const high = Math.floor(number / 2 ** 32);
  const low = number >>> 0;
  const octet = (word: number, shift: number): string => HEX[(word >>> shift) & 255]!;
  const [a, b] = [octet(high, 8), octet(high, 0)];
  return `${a}:${b}:${octet(low, 24)}:${octet(low, 16)}:${octet(low, 8)}:${octet(low, 0)}` as Mac;
}

/** A view for reading numbers out of a struct. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
