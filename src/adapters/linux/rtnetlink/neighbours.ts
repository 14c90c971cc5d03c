import type { Ipv4, Mac, Vtep } from '../../../core/address.ts';
import { ipv4Bytes, macBytes, viewOf } from '../bytes.ts';
import { AF_INET } from '../libc.ts';
import { Attributes } from '../netlink/attributes.ts';
import {
  type NetlinkSocket,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  type Request,
} from '../netlink/socket.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import { AF_BRIDGE, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH } from './uapi.ts';

/** Where frames go: the tables of VXLAN devices and bridges (FDB), and the neighbours of IPv4. All go by RTM_*NEIGH. */

const HEADER = 12;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_CACHEINFO = 3;
const NDA_VLAN = 5;
const NDA_PORT = 6;
const NDA_MASTER = 9;

const NTF_SELF = 0x02;
const NTF_MASTER = 0x04;
const NTF_STICKY = 0x40;

const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;

const ZERO_MAC = '00:00:00:00:00:00' as Mac;
const REPLACE = NLM_F_CREATE | NLM_F_REPLACE;

/** Frames for `mac` go to `vtep`; replaces where they went before. */
export function setVxlanEntry(device: number, mac: Mac, vtep: Vtep): Request {
  const what = `send frames for ${mac} to ${vtep.address}`;
  return vxlanEntry(RTM_NEWNEIGH, REPLACE, what, device, mac, vtep);
}

export function deleteVxlanEntry(device: number, mac: Mac): Request {
  const what = `send no frames for ${mac}`;
  return { ...vxlanEntry(RTM_DELNEIGH, 0, what, device, mac, undefined), tolerated: ['ENOENT'] };
}

/** Broadcast, multicast and frames for unknown MACs go to `vtep` also. (An all-zero entry can't be replaced.) */
export function addFlood(device: number, vtep: Vtep): Request {
  const what = `flood to ${vtep.address}`;
  return vxlanEntry(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, what, device, ZERO_MAC, vtep);
}

export function deleteFlood(device: number, vtep: Vtep): Request {
  const what = `flood no more to ${vtep.address}`;
  return { ...vxlanEntry(RTM_DELNEIGH, 0, what, device, ZERO_MAC, vtep), tolerated: ['ENOENT'] };
}

/**
 * The bridge finds `mac` behind `port`, whatever it knew before. Sticky: a frame that comes in elsewhere with
 * that MAC doesn't move the entry.
 */
export function setBridgeEntry(port: number, mac: Mac): Request {
  return {
    type: RTM_NEWNEIGH,
    flags: REPLACE,
    what: `put ${mac} behind port ${port}`,
    write: writer => {
      header(writer, AF_BRIDGE, port, NUD_NOARP, NTF_MASTER | NTF_STICKY);
      writer.attribute(NDA_LLADDR, macBytes(mac));
    },
  };
}

/** Leaves alone what is behind another port. */
export function deleteBridgeEntry(port: number, mac: Mac): Request {
  return {
    type: RTM_DELNEIGH,
    flags: 0,
    what: `take ${mac} from port ${port}`,
    tolerated: ['ENOENT'],
    write: writer => {
      header(writer, AF_BRIDGE, port, NUD_NOARP, NTF_MASTER);
      writer.attribute(NDA_LLADDR, macBytes(mac));
    },
  };
}

/** A permanent neighbour, replacing what is known of the address. */
export function setNeighbour(device: number, address: Ipv4, mac: Mac): Request {
  return {
    type: RTM_NEWNEIGH,
    flags: REPLACE,
    what: `note that ${address} is ${mac}`,
    write: writer => {
      header(writer, AF_INET, device, NUD_PERMANENT, 0);
      writer.attribute(NDA_DST, ipv4Bytes(address));
      writer.attribute(NDA_LLADDR, macBytes(mac));
    },
  };
}

export function deleteNeighbour(device: number, address: Ipv4): Request {
  return {
    type: RTM_DELNEIGH,
    flags: 0,
    what: `forget ${address}`,
    tolerated: ['ENOENT'],
    write: writer => {
      header(writer, AF_INET, device, 0, 0);
      writer.attribute(NDA_DST, ipv4Bytes(address));
    },
  };
}

/** An entry of a table. MACs and addresses are numbers made of their bytes, for tables are long. */
export interface ForwardingEntry {
  readonly table: 'vxlan' | 'bridge';
  /** Index of the VXLAN device, or of the bridge's port. */
  readonly link: number;
  /** 0 for a flood entry. */
  readonly mac: number;
  /** Whether it is as we make them: permanent, or static and sticky. */
  readonly fixed: boolean;
  /** Where frames go (VXLAN device only). */
  readonly address: number;
  /** UDP port; 0 where it is the device's own. */
  readonly port: number;
}

const FORWARDING = table(AF_BRIDGE, 'list the forwarding entries');

/** The entries of all VXLAN devices and bridges, without the MACs of the bridges and ports themselves. */
export function listForwarding(socket: NetlinkSocket): Promise<ForwardingEntry[]> {
  return socket.dumpGently(FORWARDING, ({ body }) => readForwarding(body));
}

/** Shows each of those entries once; gives false where they changed meanwhile. */
export function scanForwarding(
  socket: NetlinkSocket,
  see: (entry: ForwardingEntry) => void,
): Promise<boolean> {
  return socket.scan(FORWARDING, ({ body }) => {
    const entry = readForwarding(body);
    if (entry !== undefined) see(entry);
  });
}

/** When frames were sent by an entry last, and when it was set: in hundredths of seconds (USER_HZ) ago. */
export interface Use {
  readonly sinceUsed: number;
  readonly sinceSet: number;
}

/** Shows each entry of the VXLAN devices with its use. */
export async function scanUse(
  socket: NetlinkSocket,
  see: (entry: ForwardingEntry, use: Use) => void,
): Promise<void> {
  await socket.scan(FORWARDING, ({ body }) => {
    const entry = readForwarding(body);
    if (entry?.table !== 'vxlan') return;
    const cache = new Attributes(body.subarray(HEADER)).bytes(NDA_CACHEINFO);
    // struct nda_cacheinfo
    if (cache === undefined || cache.length < 12) return;
    const view = viewOf(cache);
    see(entry, { sinceUsed: view.getUint32(4, true), sinceSet: view.getUint32(8, true) });
  });
}

export function readForwarding(body: Uint8Array): ForwardingEntry | undefined {
  if (body.length < HEADER) return undefined;
  const link = linkIn(body);
  const state = stateIn(body);
  const flags = body[10]!;
  const attributes = new Attributes(body.subarray(HEADER));
  const mac = attributes.number(NDA_LLADDR, 6);
  if (mac === undefined) return undefined;
  if ((flags & NTF_SELF) !== 0) {
    const address = attributes.number(NDA_DST, 4);
    if (address === undefined) return undefined;
    const port = attributes.number(NDA_PORT, 2) ?? 0;
    return { table: 'vxlan', link, mac, fixed: (state & NUD_PERMANENT) !== 0, address, port };
  }
  const own = (state & NUD_PERMANENT) !== 0;
  if (own || !attributes.has(NDA_MASTER) || attributes.has(NDA_VLAN)) return undefined;
  const fixed = state === NUD_NOARP && (flags & NTF_STICKY) !== 0;
  return { table: 'bridge', link, mac, fixed, address: 0, port: 0 };
}

/** A permanent neighbour, its MAC and address as numbers. */
export interface Neighbour {
  readonly link: number;
  readonly address: number;
  readonly mac: number;
}

const NEIGHBOURS = table(AF_INET, 'list the neighbours');

/** The IPv4 neighbours of all links that were set; what the kernel found out by itself is its own business. */
export function listNeighbours(socket: NetlinkSocket): Promise<Neighbour[]> {
  return socket.dumpGently(NEIGHBOURS, ({ body }) => readNeighbour(body));
}

/** Shows each of those neighbours once; gives false where they changed meanwhile. */
export function scanNeighbours(socket: NetlinkSocket, see: (neighbour: Neighbour) => void): Promise<boolean> {
  return socket.scan(NEIGHBOURS, ({ body }) => {
    const neighbour = readNeighbour(body);
    if (neighbour !== undefined) see(neighbour);
  });
}

export function readNeighbour(body: Uint8Array): Neighbour | undefined {
  if (body.length < HEADER || (stateIn(body) & NUD_PERMANENT) === 0) return undefined;
  const attributes = new Attributes(body.subarray(HEADER));
  const address = attributes.number(NDA_DST, 4);
  const mac = attributes.number(NDA_LLADDR, 6);
  return address === undefined || mac === undefined ? undefined : { link: linkIn(body), address, mac };
}

/** Of struct ndmsg. */
function linkIn(body: Uint8Array): number {
  return body[4]! | (body[5]! << 8) | (body[6]! << 16) | (body[7]! << 24);
}

function stateIn(body: Uint8Array): number {
  return body[8]! | (body[9]! << 8);
}

function vxlanEntry(
  type: number,
  flags: number,
  what: string,
  device: number,
  mac: Mac,
  vtep: Vtep | undefined,
): Request {
  return {
    type,
    flags,
    what,
    write: writer => {
      header(writer, AF_BRIDGE, device, NUD_NOARP | NUD_PERMANENT, NTF_SELF);
      writer.attribute(NDA_LLADDR, macBytes(mac));
      if (vtep === undefined) return;
      writer.attribute(NDA_DST, ipv4Bytes(vtep.address));
      writer.attributeU16Be(NDA_PORT, vtep.port);
    },
  };
}

/** struct ndmsg. */
function header(writer: MessageWriter, family: number, link: number, state: number, flags: number): void {
  writer.u8(family);
  writer.u8(0);
  writer.u16(0);
  writer.i32(link);
  writer.u16(state);
  writer.u8(flags);
  writer.u8(0);
}

function table(family: number, what: string): Request {
  return { type: RTM_GETNEIGH, flags: 0, what, write: writer => header(writer, family, 0, 0, 0) };
}
