import { execFileSync } from 'node:child_process';
import { ipv4Bytes, macBytes, viewOf } from '../../src/adapters/linux/bytes.ts';
import { checksum } from '../../src/adapters/linux/echo.ts';
import { bind, close, receive, SOCK_RAW, send, socket } from '../../src/adapters/linux/libc.ts';
import { type Namespace, openNamespace } from '../../src/adapters/linux/namespace.ts';
import type { Ipv4, Mac } from '../../src/core/address.ts';
import { OWN, removeAbandoned } from './own.ts';
import { until } from './until.ts';

/** Frames made by hand, sent and caught on real devices of real namespaces. */

export const ETHERTYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  experiment: 0x88b5,
} as const;
export const BROADCAST = 'ff:ff:ff:ff:ff:ff' as Mac;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const AF_PACKET = 17;
const ETH_P_ALL = 3;
const LARGEST_FRAME = 64 << 10;

/** A device seen as a wire: what is put in leaves by it, what comes out has arrived on it. */
export interface Wire {
  send(frame: Uint8Array): void;
  /** All frames that were seen since the last call, also those that left by the device. */
  caught(): readonly Buffer[];
  close(): void;
}

/** Runs commands of iproute2, nft and such, one a line. */
export function sh(script: string): string {
  return execFileSync('sh', ['-ec', script], { encoding: 'utf8' });
}

export interface TestNamespace extends Namespace {
  readonly name: string;
  run(script: string): string;
  /** Removes it, with all devices in it. */
  remove(): void;
}

/** Makes a namespace anew, also where a test of this process left one of this name. */
export function makeNamespace(what: string): TestNamespace {
  removeAbandoned();
  const name = `${OWN}${what}`;
  sh(`ip netns del ${name} 2>/dev/null || true; ip netns add ${name}; ip -n ${name} link set lo up`);
  const { fd, identity, inside, close: closeNamespace } = openNamespace(`/run/netns/${name}`);
  const run = (script: string): string =>
    execFileSync('ip', ['netns', 'exec', name, 'sh', '-ec', script], { encoding: 'utf8' });
  const remove = (): void => {
    closeNamespace();
    sh(`ip netns del ${name}`);
  };
  return { name, fd, identity, inside, close: closeNamespace, run, remove };
}

export function openWire(namespace: Namespace, device: string): Wire {
  const fd = namespace.inside(() => openPacketSocket(device));
  const frame = Buffer.alloc(LARGEST_FRAME);
  return {
    send: bytes => send(fd, bytes),
    caught: () => {
      const frames: Buffer[] = [];
      for (let length = receive(fd, frame); length !== undefined; length = receive(fd, frame)) {
        frames.push(Buffer.from(frame.subarray(0, length)));
      }
      return frames;
    },
    close: () => close(fd),
  };
}

export function ethernet(to: Mac, from: Mac, type: number, payload: Uint8Array): Buffer {
  return Buffer.concat([macBytes(to), macBytes(from), u16(type), payload]);
}

/** Puts an 802.1Q tag into a frame. */
export function tagged(vlan: number, frame: Buffer): Buffer {
  return Buffer.concat([frame.subarray(0, 12), u16(ETHERTYPE.vlan), u16(vlan), frame.subarray(12)]);
}

export interface Arp {
  readonly operation: number;
  readonly senderMac: Mac;
  readonly sender: Ipv4;
  readonly targetMac?: Mac;
  readonly target: Ipv4;
}

export function arp({ operation, senderMac, sender, targetMac, target }: Arp): Buffer {
  const targetBytes = targetMac === undefined ? new Uint8Array(6) : macBytes(targetMac);
  return Buffer.concat([
    u16(1),
    u16(ETHERTYPE.ipv4),
    Uint8Array.of(6, 4),
    u16(operation),
    macBytes(senderMac),
    ipv4Bytes(sender),
    targetBytes,
    ipv4Bytes(target),
  ]);
}

/** A UDP datagram in an IPv4 packet, with a right header checksum and no UDP checksum. */
export function udp(from: Ipv4, to: Ipv4, port: number, payload: Uint8Array): Buffer {
  const datagram = Buffer.concat([u16(port), u16(port), u16(8 + payload.length), u16(0), payload]);
  const header = Buffer.alloc(20);
  header.set([0x45, 0]);
  header.writeUInt16BE(20 + datagram.length, 2);
  header.set([64, 17], 8);
  header.set(ipv4Bytes(from), 12);
  header.set(ipv4Bytes(to), 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, datagram]);
}

/** A frame behind a VXLAN header (RFC 7348). */
export function vxlan(vni: number, frame: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 0x08;
  header.writeUInt32BE(vni << 8, 4);
  return Buffer.concat([header, frame]);
}

/** An ICMPv6 message of neighbour discovery to all nodes, e.g. type 134 for a router advertisement (RFC 4861). */
export function neighbourDiscovery(type: number, body: Uint8Array): Buffer {
  const from = Buffer.from('fe80000000000000085800fffe00000b', 'hex');
  const to = Buffer.from('ff020000000000000000000000000001', 'hex');
  const message = Buffer.concat([Uint8Array.of(type, 0, 0, 0), body]);
  const pseudo = Buffer.concat([from, to, u16(0), u16(message.length), u16(0), u16(58)]);
  message.writeUInt16BE(checksum(Buffer.concat([pseudo, message])), 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, message.length, 58, 255]);
  return Buffer.concat([header, from, to, message]);
}

/** Gives all frames that were seen up to one that contains `text`, and maybe some more. */
export function caughtUpTo(wire: Wire, text: string): Promise<readonly Buffer[]> {
  const frames: Buffer[] = [];
  const attempt = (): readonly Buffer[] | undefined => {
    frames.push(...wire.caught());
    return frames.some(frame => frame.includes(text)) ? frames : undefined;
  };
  return until(attempt, () => `a frame with "${text}" arrives, among ${frames.length}`);
}

function openPacketSocket(device: string): number {
  const index = Number.parseInt(sh(`ip -o link show dev ${device}`), 10);
  const fd = socket(AF_PACKET, SOCK_RAW, 0);
  const address = new Uint8Array(20);
  const view = viewOf(address);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL, false);
  view.setInt32(4, index, true);
  bind(fd, address);
  return fd;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
