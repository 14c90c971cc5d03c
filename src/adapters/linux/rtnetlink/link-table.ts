import type { Mac } from '../../../core/address.ts';
import { ipv4Of, macOf, viewOf } from '../bytes.ts';
import { Attributes } from '../netlink/attributes.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import type { NetlinkSocket, Request } from '../netlink/socket.ts';
import { linkHeader, type PortFlags, type VxlanSettings } from './links.ts';
import {
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_BRPORT_LEARNING,
  IFLA_BRPORT_NEIGH_SUPPRESS,
  IFLA_BRPORT_UNICAST_FLOOD,
  IFLA_EXT_MASK,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_OPERSTATE,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_PORT,
  RTM_GETLINK,
  RTM_GETNSID,
} from './uapi.ts';

/** Links as the kernel shows them. */

const HEADER = 16;
const RTEXT_FILTER_SKIP_STATS = 8;
/** From linux/if.h. */
const IF_OPER_UP = 6;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly up: boolean;
  /** Frames pass: it is up, and the kernel has acted on that (RFC 2863, ifOperStatus). */
  readonly operational: boolean;
  readonly alias: string | undefined;
  /** `bridge`, `vxlan`, `veth` ...; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  /** Index of the bridge that it is a port of. */
  readonly master: number | undefined;
  /** The other end of a pair: its index, and the number of its namespace as this one counts them. */
  readonly peer: { readonly index: number; readonly namespace: number | undefined } | undefined;
  readonly vxlan: (VxlanSettings & { readonly learning: boolean }) | undefined;
  readonly port: (PortFlags & { readonly learning: boolean }) | undefined;
}

/** The link of that name, or undefined. */
export function findLink(socket: NetlinkSocket, name: string): Link | undefined {
  return socket.ask({ ...request(`find link ${name}`, name), tolerated: ['ENODEV'] }, readLink);
}

export function listLinks(socket: NetlinkSocket): Promise<Link[]> {
  return socket.dumpGently(request('list the links', 0), readLink);
}

/** The number by which the socket's namespace knows that of `namespaceFd`; undefined where it has none. */
export function namespaceNumber(socket: NetlinkSocket, namespaceFd: number): number | undefined {
  const number = socket.ask(
    {
      type: RTM_GETNSID,
      flags: 0,
      what: 'number a namespace',
      write: writer => {
        writer.u32(0); // struct rtgenmsg, padded
        writer.attributeU32(NETNSA_FD, namespaceFd);
      },
    },
    ({ body }) => new Attributes(body.subarray(4)).i32(NETNSA_NSID),
  );
  return number === undefined || number < 0 ? undefined : number;
}

function request(what: string, link: number | string): Request {
  return {
    type: RTM_GETLINK,
    flags: 0,
    what,
    write: writer => {
      linkHeader(writer, 0, link);
      writer.attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    },
  };
}

/** Undefined where the message does not describe a link. */
export function readLink({ body }: NetlinkMessage): Link | undefined {
  if (body.length < HEADER) return undefined;
  const header = viewOf(body);
  const attributes = new Attributes(body.subarray(HEADER));
  const name = attributes.text(IFLA_IFNAME);
  if (name === undefined) return undefined;
  const info = attributes.nest(IFLA_LINKINFO);
  const kind = info.text(IFLA_INFO_KIND);
  const peer = attributes.u32(IFLA_LINK);
  return {
    index: header.getInt32(4, true),
    name,
    mac: macOf(attributes.bytes(IFLA_ADDRESS)),
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    up: (header.getUint32(8, true) & IFF_UP) !== 0,
    operational: attributes.u8(IFLA_OPERSTATE) === IF_OPER_UP,
    alias: attributes.text(IFLA_IFALIAS),
    kind,
    master: attributes.u32(IFLA_MASTER),
    peer: peer === undefined ? undefined : { index: peer, namespace: attributes.i32(IFLA_LINK_NETNSID) },
    vxlan: kind === 'vxlan' ? readVxlan(info.nest(IFLA_INFO_DATA)) : undefined,
    port: info.has(IFLA_INFO_SLAVE_DATA) ? readPort(info.nest(IFLA_INFO_SLAVE_DATA)) : undefined,
  };
}

function readVxlan(data: Attributes): Link['vxlan'] {
  const vni = data.u32(IFLA_VXLAN_ID);
  const local = ipv4Of(data.bytes(IFLA_VXLAN_LOCAL));
  const port = data.u16Be(IFLA_VXLAN_PORT);
  if (vni === undefined || local === undefined || port === undefined) return undefined;
  return { vni, local, port, learning: data.u8(IFLA_VXLAN_LEARNING) !== 0 };
}

function readPort(data: Attributes): Link['port'] {
  return {
    learning: data.u8(IFLA_BRPORT_LEARNING) !== 0,
    unicastFlood: data.u8(IFLA_BRPORT_UNICAST_FLOOD) !== 0,
    suppressNeighbours: data.u8(IFLA_BRPORT_NEIGH_SUPPRESS) === 1,
  };
}
