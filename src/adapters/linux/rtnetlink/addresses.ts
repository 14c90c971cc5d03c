import { broadcastAddress, type Cidr, formatCidr, subnetOf } from '../../../core/address.ts';
import { ipv4Bytes, ipv4Of, viewOf } from '../bytes.ts';
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
import { RTM_DELADDR, RTM_DELROUTE, RTM_GETADDR, RTM_NEWADDR, RTM_NEWROUTE } from './uapi.ts';

/** IPv4 addresses of links, and routes by a link alone. */

const HEADER = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTAX_MTU = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_KERNEL = 2;
const RTPROT_STATIC = 4;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

/** Succeeds also where it is there already. */
export function addAddress(link: number, cidr: Cidr): Request {
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    what: `add the address ${formatCidr(cidr)}`,
    write: writer => {
      addressHeader(writer, link, cidr);
      if (cidr.prefix < 31) writer.attribute(IFA_BROADCAST, ipv4Bytes(broadcastAddress(cidr)));
    },
  };
}

/** Succeeds also where it is gone. Further addresses of the same subnet may go with it. */
export function deleteAddress(link: number, cidr: Cidr): Request {
  return {
    type: RTM_DELADDR,
    flags: 0,
    what: `remove the address ${formatCidr(cidr)}`,
    tolerated: ['EADDRNOTAVAIL'],
    write: writer => addressHeader(writer, link, cidr),
  };
}

export interface LinkAddress {
  readonly link: number;
  readonly cidr: Cidr;
}

/** The IPv4 addresses of all links. */
export function listAddresses(socket: NetlinkSocket): LinkAddress[] {
  const request: Request = {
    type: RTM_GETADDR,
    flags: 0,
    what: 'list the addresses',
    write: writer => {
      writer.u8(AF_INET);
      writer.u8(0);
      writer.u16(0);
      writer.u32(0);
    },
  };
  return socket.dump(request, ({ body }) => {
    if (body.length < HEADER) return undefined;
    const address = ipv4Of(new Attributes(body.subarray(HEADER)).bytes(IFA_LOCAL));
    if (address === undefined) return undefined;
    const header = viewOf(body);
    return { link: header.getUint32(4, true), cidr: { address, prefix: header.getUint8(1) } };
  });
}

/** A route to everything in `destination` by that link, beside such as other links may have; for packets of `mtu` at most. */
export function addLinkRoute(link: number, destination: Cidr, mtu?: number): Request {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_APPEND,
    what: `add the route ${formatCidr(destination)}`,
    tolerated: ['EEXIST'],
    write: writer => {
      writeLinkRoute(writer, link, destination, RTPROT_STATIC);
      if (mtu !== undefined) writer.nest(RTA_METRICS, () => writer.attributeU32(RTAX_MTU, mtu));
    },
  };
}

/** Takes such a route away; nothing where there is none. */
export function deleteLinkRoute(link: number, destination: Cidr): Request {
  return {
    type: RTM_DELROUTE,
    flags: 0,
    what: `delete the route ${formatCidr(destination)}`,
    tolerated: ['ESRCH'],
    write: writer => writeLinkRoute(writer, link, destination, RTPROT_STATIC),
  };
}

/** The kernel's own route to the subnet of an address, with packets of `mtu` bytes at most, whatever the link takes. */
export function limitRoute(link: number, cidr: Cidr, mtu: number): Request {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    what: `limit the route of ${formatCidr(cidr)}`,
    write: writer => {
      writeLinkRoute(writer, link, subnetOf(cidr), RTPROT_KERNEL);
      writer.attribute(RTA_PREFSRC, ipv4Bytes(cidr.address));
      writer.nest(RTA_METRICS, () => writer.attributeU32(RTAX_MTU, mtu));
    },
  };
}

/** struct rtmsg, destination and link. */
function writeLinkRoute(
  writer: MessageWriter,
  link: number,
  { address, prefix }: Cidr,
  protocol: number,
): void {
  writer.u8(AF_INET);
  writer.u8(prefix);
  writer.u8(0);
  writer.u8(0);
  writer.u8(RT_TABLE_MAIN);
  writer.u8(protocol);
  writer.u8(RT_SCOPE_LINK);
  writer.u8(RTN_UNICAST);
  writer.u32(0);
  writer.attribute(RTA_DST, ipv4Bytes(address));
  writer.attributeU32(RTA_OIF, link);
}

/** struct ifaddrmsg and the address. */
function addressHeader(writer: MessageWriter, link: number, cidr: Cidr): void {
  writer.u8(AF_INET);
  writer.u8(cidr.prefix);
  writer.u8(0);
  writer.u8(0);
  writer.u32(link);
  const bytes = ipv4Bytes(cidr.address);
  writer.attribute(IFA_LOCAL, bytes);
  writer.attribute(IFA_ADDRESS, bytes);
}
