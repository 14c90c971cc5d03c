import type { Ipv4, Mac } from '../../../core/address.ts';
import { ipv4Bytes, macBytes } from '../bytes.ts';
import { AF_INET, AF_INET6 } from '../libc.ts';
import { NLM_F_CREATE, NLM_F_EXCL, type Request } from '../netlink/socket.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import {
  AF_BRIDGE,
  IFF_NOARP,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_AF_SPEC,
  IFLA_BRPORT_ISOLATED,
  IFLA_BRPORT_LEARNING,
  IFLA_BRPORT_NEIGH_SUPPRESS,
  IFLA_BRPORT_UNICAST_FLOOD,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_PROTINFO,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_PORT,
  IFLA_VXLAN_UDP_CSUM,
  RTM_DELLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from './uapi.ts';

/** Requests that make and change links. A link is named by its index, or by its name where that isn't known yet. */

type LinkId = number | string;

const IFLA_BR_MCAST_SNOOPING = 23;
const IFLA_BR_VLAN_DEFAULT_PVID = 39;
const VETH_INFO_PEER = 1;
const IFLA_INET_CONF = 1;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
/** From linux/ip.h. */
const IPV4_DEVCONF_FORWARDING = 1;
const IPV4_DEVCONF_SEND_REDIRECTS = 6;
const IPV4_DEVCONF_RP_FILTER = 8;
const IPV4_DEVCONF_ARP_ANNOUNCE = 18;
const IPV4_DEVCONF_ARP_IGNORE = 19;

/** struct ifinfomsg, and the name where that is how the link is given. */
export function linkHeader(writer: MessageWriter, family: number, link: LinkId, flags = 0, change = 0): void {
  writer.u8(family);
  writer.u8(0);
  writer.u16(0);
  writer.i32(typeof link === 'number' ? link : 0);
  writer.u32(flags);
  writer.u32(change);
  if (typeof link === 'string') writer.attributeText(IFLA_IFNAME, link);
}

/** Without snooping, so that multicast is flooded; its own MAC, since a changing one makes it forget neighbours. */
export function addBridge(name: string, mac: Mac): Request {
  return create(name, writer => {
    writer.attribute(IFLA_ADDRESS, macBytes(mac));
    kind(writer, 'bridge', () => {
      writer.attributeU8(IFLA_BR_MCAST_SNOOPING, 0);
      writer.attributeU16(IFLA_BR_VLAN_DEFAULT_PVID, 0);
    });
  });
}

export interface VxlanSettings {
  readonly vni: number;
  readonly local: Ipv4;
  readonly port: number;
}

/**
 * The device is born in the namespace of `namespaceFd`, and its UDP stays where the request came from: in the host's, or
 * in the switch's own where only tunnels lead out. Forwards only by its table: learns nothing.
 */
export function addVxlan(name: string, settings: VxlanSettings, namespaceFd: number): Request {
  return create(name, writer => {
    writer.attributeU32(IFLA_NET_NS_FD, namespaceFd);
    kind(writer, 'vxlan', () => {
      writer.attributeU32(IFLA_VXLAN_ID, settings.vni);
      writer.attribute(IFLA_VXLAN_LOCAL, ipv4Bytes(settings.local));
      writer.attributeU16Be(IFLA_VXLAN_PORT, settings.port);
      writer.attributeU8(IFLA_VXLAN_LEARNING, 0);
      writer.attributeU8(IFLA_VXLAN_UDP_CSUM, 0);
    });
  });
}

/** As `addVxlan`: its UDP stays where the request came from. */
export function addTunnelDevice(name: string, namespaceFd: number): Request {
  return create(name, writer => {
    writer.attributeU32(IFLA_NET_NS_FD, namespaceFd);
    kind(writer, 'wireguard', () => undefined);
  });
}

/** Changes the address that a VXLAN device sends from; the device, its index and its counters stay. */
export function setVxlanLocal(name: string, index: number, local: Ipv4): Request {
  return {
    type: RTM_NEWLINK,
    flags: 0,
    what: `let ${name} send from ${local}`,
    write: writer => {
      linkHeader(writer, 0, index);
      kind(writer, 'vxlan', () => writer.attribute(IFLA_VXLAN_LOCAL, ipv4Bytes(local)));
    },
  };
}

export interface VethPeer {
  readonly name: string;
  readonly mac: Mac;
  readonly namespaceFd: number;
}

/** A pair in one request: one end here, the other in another namespace with name, MAC and MTU; both down. */
export function addVeth(name: string, mtu: number, peer: VethPeer): Request {
  return create(name, writer => {
    writer.attributeU32(IFLA_MTU, mtu);
    kind(writer, 'veth', () =>
      writer.nest(VETH_INFO_PEER, () => {
        linkHeader(writer, 0, peer.name);
        writer.attribute(IFLA_ADDRESS, macBytes(peer.mac));
        writer.attributeU32(IFLA_MTU, mtu);
        writer.attributeU32(IFLA_NET_NS_FD, peer.namespaceFd);
      }),
    );
  });
}

export interface LinkChange {
  readonly alias?: string;
  readonly mac?: Mac;
  readonly mtu?: number;
  /** Index of the bridge that it becomes a port of. */
  readonly master?: number;
  readonly up?: true;
  /** Nobody is asked for MACs: all have the device's own. */
  readonly noArp?: true;
}

export function setLink(link: LinkId, change: LinkChange): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    what: `set up link ${link}`,
    write: writer => {
      const flags = (change.up ? IFF_UP : 0) | (change.noArp ? IFF_NOARP : 0);
      linkHeader(writer, 0, link, flags, flags);
      if (change.alias !== undefined) writer.attributeText(IFLA_IFALIAS, change.alias);
      if (change.mac !== undefined) writer.attribute(IFLA_ADDRESS, macBytes(change.mac));
      if (change.mtu !== undefined) writer.attributeU32(IFLA_MTU, change.mtu);
      if (change.master !== undefined) writer.attributeU32(IFLA_MASTER, change.master);
    },
  };
}

/** Keeps IPv6 of a link silent: without an address of its own it sends nothing. To be sent before it goes up. */
export function silence(link: LinkId): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    what: `keep link ${link} silent`,
    // No IPv6 in this kernel, or an MTU below IPv6's smallest.
    tolerated: ['EAFNOSUPPORT'],
    write: writer => {
      linkHeader(writer, 0, link);
      writer.nest(IFLA_AF_SPEC, () =>
        writer.nest(AF_INET6, () => writer.attributeU8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)),
      );
    },
  };
}

/**
 * Keeps networks apart in the one kernel that they share: no forwarding between bridges, no answer to ARP for another
 * bridge's address, no packet from a sender that lies behind another bridge. (By netlink: /proc/sys may be read-only.)
 * `loose`: senders may lie behind any.
 */
export function separate(link: LinkId, loose = false): Request {
  return configure(`separate link ${link}`, link, [
    [IPV4_DEVCONF_FORWARDING, 0],
    [IPV4_DEVCONF_RP_FILTER, loose ? 2 : 1],
    [IPV4_DEVCONF_ARP_IGNORE, 1],
  ]);
}

/**
 * Makes a gateway of a link that leads into a network: it forwards, also what comes back another way, speaks of no shorter
 * way, and tells of no other address of its host there.
 */
export function letForward(link: LinkId): Request {
  return configure(`let link ${link} forward`, link, [
    [IPV4_DEVCONF_FORWARDING, 1],
    [IPV4_DEVCONF_SEND_REDIRECTS, 0],
    [IPV4_DEVCONF_RP_FILTER, 2],
    [IPV4_DEVCONF_ARP_ANNOUNCE, 2],
    [IPV4_DEVCONF_ARP_IGNORE, 1],
  ]);
}

function configure(what: string, link: LinkId, settings: readonly (readonly [number, number])[]): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    what,
    write: writer => {
      linkHeader(writer, 0, link);
      writer.nest(IFLA_AF_SPEC, () =>
        writer.nest(AF_INET, () =>
          writer.nest(IFLA_INET_CONF, () => {
            for (const [setting, value] of settings) writer.attributeU32(setting, value);
          }),
        ),
      );
    },
  };
}

export interface PortFlags {
  /** Whether the bridge answers ARP for stations behind this port itself. */
  readonly suppressNeighbours: boolean;
  /** Whether frames for unknown MACs leave here. */
  readonly unicastFlood: boolean;
  /** Whether frames pass between this port and others that are isolated. */
  readonly isolated?: boolean;
}

/** A port of a bridge that learns no addresses from what comes in. */
export function setBridgePort(index: number, flags: PortFlags): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    what: `set up bridge port ${index}`,
    write: writer => {
      linkHeader(writer, AF_BRIDGE, index);
      writer.nest(IFLA_PROTINFO, () => {
        writer.attributeU8(IFLA_BRPORT_LEARNING, 0);
        writer.attributeU8(IFLA_BRPORT_UNICAST_FLOOD, Number(flags.unicastFlood));
        writer.attributeU8(IFLA_BRPORT_NEIGH_SUPPRESS, Number(flags.suppressNeighbours));
        if (flags.isolated !== undefined) writer.attributeU8(IFLA_BRPORT_ISOLATED, Number(flags.isolated));
      });
    },
  };
}

/** Succeeds also where there is no such link. A pair goes whole, a bridge frees its ports. */
export function deleteLink(link: LinkId): Request {
  return {
    type: RTM_DELLINK,
    flags: 0,
    what: `delete link ${link}`,
    tolerated: ['ENODEV'],
    write: writer => linkHeader(writer, 0, link),
  };
}

function create(name: string, write: (writer: MessageWriter) => void): Request {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    what: `make link ${name}`,
    write: writer => {
      linkHeader(writer, 0, name);
      write(writer);
    },
  };
}

function kind(writer: MessageWriter, name: string, data: () => void): void {
  writer.nest(IFLA_LINKINFO, () => {
    writer.attributeText(IFLA_INFO_KIND, name);
    writer.nest(IFLA_INFO_DATA, data);
  });
}
