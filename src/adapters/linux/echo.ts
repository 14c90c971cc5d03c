import type { Ipv4 } from '../../core/address.ts';
import { ipv4Bytes, ipv4Of, macBytes, viewOf } from './bytes.ts';
import type { Around } from './parts.ts';

/** ICMP echo packets (RFC 792), as a raw socket takes and gives them. */

export const IPV4_HEADER = { shortest: 20, longest: 60 } as const;
const VXLAN_HEADER = 8;
/** The flag that says that the VNI is one. */
const VXLAN_HAS_VNI = 0x08_00_00_00;
const ETHERNET_HEADER = 14;
const ETHERTYPE_IPV4 = 0x0800;
const DO_NOT_FRAGMENT = 0x4000;
const TTL = 64;
const ICMP_HEADER = 8;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const ICMP = 1;
/** Bytes that come back in the reply and tell that it answers this request. */
const TOKEN = 8;

/** The length of the shortest IP packet that holds an echo with its token. */
export const SHORTEST_ECHO = IPV4_HEADER.shortest + ICMP_HEADER + TOKEN;

export interface EchoReply {
  readonly from: Ipv4;
  readonly identifier: number;
  readonly sequence: number;
  readonly token: Uint8Array;
}

/** An echo request that makes an IP packet of `length` bytes; without the IP header, which the kernel writes. */
export function echoRequest(
  identifier: number,
  sequence: number,
  token: Uint8Array,
  length: number,
): Uint8Array {
  const packet = new Uint8Array(length - IPV4_HEADER.shortest);
  const view = viewOf(packet);
  view.setUint8(0, ECHO_REQUEST);
  view.setUint16(4, identifier);
  view.setUint16(6, sequence);
  packet.set(token, ICMP_HEADER);
  view.setUint16(2, checksum(packet));
  return packet;
}

/** Puts an echo request into an IP packet, that into an Ethernet frame, and that into a VXLAN datagram (RFC 7348). */
export function encapsulated(request: Uint8Array, to: Ipv4, { vni, from, to: mac }: Around): Uint8Array {
  const datagram = new Uint8Array(VXLAN_HEADER + ETHERNET_HEADER + IPV4_HEADER.shortest + request.length);
  const view = viewOf(datagram);
  view.setUint32(0, VXLAN_HAS_VNI);
  view.setUint32(4, vni << 8);
  datagram.set(macBytes(mac), VXLAN_HEADER);
  datagram.set(macBytes(from.mac), VXLAN_HEADER + 6);
  view.setUint16(VXLAN_HEADER + 12, ETHERTYPE_IPV4);
  const header = datagram.subarray(
    VXLAN_HEADER + ETHERNET_HEADER,
    VXLAN_HEADER + ETHERNET_HEADER + IPV4_HEADER.shortest,
  );
  const ip = viewOf(header);
  ip.setUint8(0, 0x45);
  ip.setUint16(2, IPV4_HEADER.shortest + request.length);
  ip.setUint16(6, DO_NOT_FRAGMENT);
  ip.setUint8(8, TTL);
  ip.setUint8(9, ICMP);
  header.set(ipv4Bytes(from.address), 12);
  header.set(ipv4Bytes(to), 16);
  ip.setUint16(10, checksum(header));
  datagram.set(request, VXLAN_HEADER + ETHERNET_HEADER + IPV4_HEADER.shortest);
  return datagram;
}

/** Reads an IP packet, of which the beginning is enough; undefined where it is cut off or not an echo reply. */
export function parseEchoReply(packet: Uint8Array): EchoReply | undefined {
  if (packet.length < IPV4_HEADER.shortest) return undefined;
  const start = ((packet[0] ?? 0) & 0x0f) * 4;
  if (start < IPV4_HEADER.shortest || packet.length < start + ICMP_HEADER + TOKEN) return undefined;
  if (packet[9] !== ICMP || packet[start] !== ECHO_REPLY) return undefined;
  const from = ipv4Of(packet.subarray(12, 16));
  if (from === undefined) return undefined;
  const view = viewOf(packet);
  const token = Uint8Array.from(packet.subarray(start + ICMP_HEADER, start + ICMP_HEADER + TOKEN));
  return { from, identifier: view.getUint16(start + 4), sequence: view.getUint16(start + 6), token };
}

/** The Internet checksum (RFC 1071). */
export function checksum(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  let sum = bytes.length % 2 === 0 ? 0 : view.getUint8(bytes.length - 1) << 8;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
