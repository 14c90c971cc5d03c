import type { Ipv4, Vtep } from '../../../core/address.ts';
import { ipv4Bytes, ipv4Of, viewOf } from '../bytes.ts';
import { AF_INET } from '../libc.ts';
import { Attributes, attributesIn } from '../netlink/attributes.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import type { NetlinkSocket, Request } from '../netlink/socket.ts';
import type { MessageWriter } from '../netlink/writer.ts';

/** WireGuard devices over generic netlink (linux/genetlink.h, linux/wireguard.h). */

const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
/** struct genlmsghdr. */
const HEADER = 4;

const WG_CMD_GET_DEVICE = 0;
const WG_CMD_SET_DEVICE = 1;
const WGDEVICE_A_IFNAME = 2;
const WGDEVICE_A_PRIVATE_KEY = 3;
const WGDEVICE_A_LISTEN_PORT = 6;
const WGDEVICE_A_PEERS = 8;
const WGPEER_A_PUBLIC_KEY = 1;
const WGPEER_A_PRESHARED_KEY = 2;
const WGPEER_A_FLAGS = 3;
const WGPEER_A_ENDPOINT = 4;
const WGPEER_A_ALLOWEDIPS = 9;
const WGPEER_F_REMOVE_ME = 1;
const WGPEER_F_REPLACE_ALLOWEDIPS = 2;
const WGALLOWEDIP_A_FAMILY = 1;
const WGALLOWEDIP_A_IPADDR = 2;
const WGALLOWEDIP_A_CIDR_MASK = 3;

/** What the kernel holds of one peer. */
export interface HeldPeer {
  /** Public key, base64. */
  readonly key: string;
  readonly preshared: string;
  readonly endpoint: Vtep | undefined;
  /** Addresses that are taken from it and sent to it; only whole ones. */
  readonly addresses: readonly Ipv4[];
}

export interface HeldDevice {
  /** Base64. */
  readonly privateKey: string | undefined;
  readonly port: number;
  readonly peers: readonly HeldPeer[];
}

/** What one peer should be. */
export interface PeerChange {
  readonly key: string;
  readonly preshared: Uint8Array;
  readonly address: Ipv4;
  /** Left as it is where undefined: the kernel follows a peer that moves. */
  readonly endpoint: Vtep | undefined;
}

/** The number of the kernel's family `wireguard`, which changes with the module; undefined where it has none. */
export function findFamily(socket: NetlinkSocket): number | undefined {
  return socket.ask(
    {
      type: GENL_ID_CTRL,
      flags: 0,
      what: 'find WireGuard',
      tolerated: ['ENOENT'],
      write: writer => {
        header(writer, CTRL_CMD_GETFAMILY);
        writer.attributeText(CTRL_ATTR_FAMILY_NAME, 'wireguard');
      },
    },
    ({ body }) => new Attributes(body.subarray(HEADER)).u16(CTRL_ATTR_FAMILY_ID),
  );
}

/** What is set is kept where it is the same, so that this may be repeated. */
export function setDevice(family: number, name: string, privateKey: Uint8Array, port: number): Request {
  return set(family, name, `set up ${name}`, writer => {
    writer.attribute(WGDEVICE_A_PRIVATE_KEY, privateKey);
    writer.attributeU16(WGDEVICE_A_LISTEN_PORT, port);
  });
}

export function setPeers(family: number, name: string, peers: readonly PeerChange[]): Request {
  return set(family, name, `set peers of ${name}`, writer =>
    writer.nest(WGDEVICE_A_PEERS, () => {
      for (const peer of peers) writer.nest(0, () => writePeer(writer, peer));
    }),
  );
}

export function removePeers(family: number, name: string, keys: readonly string[]): Request {
  return set(family, name, `remove peers of ${name}`, writer =>
    writer.nest(WGDEVICE_A_PEERS, () => {
      for (const key of keys)
        writer.nest(0, () => {
          writer.attribute(WGPEER_A_PUBLIC_KEY, Buffer.from(key, 'base64'));
          writer.attributeU32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME);
        });
    }),
  );
}

export function readDevice(socket: NetlinkSocket, family: number, name: string): HeldDevice {
  const parts = socket.dump(
    {
      type: family,
      flags: 0,
      what: `read ${name}`,
      write: writer => {
        header(writer, WG_CMD_GET_DEVICE);
        writer.attributeText(WGDEVICE_A_IFNAME, name);
      },
    },
    partIn,
  );
  // What did not fit into one message goes on in the next, which has peers only.
  const [first] = parts;
  return {
    privateKey: first?.privateKey,
    port: first?.port ?? 0,
    peers: parts.flatMap(({ peers }) => peers),
  };
}

/** Undefined where the message does not describe a device. */
export function partIn({ body }: Pick<NetlinkMessage, 'body'>): HeldDevice | undefined {
  if (body.length < HEADER) return undefined;
  const device = new Attributes(body.subarray(HEADER));
  const peers = device.bytes(WGDEVICE_A_PEERS) ?? new Uint8Array(0);
  return {
    privateKey: base64(device.bytes(WGDEVICE_A_PRIVATE_KEY)),
    port: device.u16(WGDEVICE_A_LISTEN_PORT) ?? 0,
    peers: [...attributesIn(peers)].flatMap(({ value }) => peerIn(value)),
  };
}

function peerIn(bytes: Uint8Array): readonly HeldPeer[] {
  const peer = new Attributes(bytes);
  const key = base64(peer.bytes(WGPEER_A_PUBLIC_KEY));
  if (key === undefined) return [];
  const addresses = [...attributesIn(peer.bytes(WGPEER_A_ALLOWEDIPS) ?? new Uint8Array(0))];
  return [
    {
      key,
      preshared: base64(peer.bytes(WGPEER_A_PRESHARED_KEY)) ?? '',
      endpoint: endpointIn(peer.bytes(WGPEER_A_ENDPOINT)),
      addresses: addresses.flatMap(({ value }) => addressIn(value)),
    },
  ];
}

function addressIn(bytes: Uint8Array): readonly Ipv4[] {
  const allowed = new Attributes(bytes);
  const address = ipv4Of(allowed.bytes(WGALLOWEDIP_A_IPADDR));
  return address !== undefined && allowed.u8(WGALLOWEDIP_A_CIDR_MASK) === 32 ? [address] : [];
}

/** struct sockaddr_in. */
function endpointIn(bytes: Uint8Array | undefined): Vtep | undefined {
  if (bytes === undefined || bytes.length < 8) return undefined;
  const view = viewOf(bytes);
  const address = ipv4Of(bytes.subarray(4, 8));
  if (view.getUint16(0, true) !== AF_INET || address === undefined) return undefined;
  return { address, port: view.getUint16(2, false) };
}

const base64 = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('base64');

function writePeer(writer: MessageWriter, { key, preshared, address, endpoint }: PeerChange): void {
  writer.attribute(WGPEER_A_PUBLIC_KEY, Buffer.from(key, 'base64'));
  writer.attribute(WGPEER_A_PRESHARED_KEY, preshared);
  writer.attributeU32(WGPEER_A_FLAGS, WGPEER_F_REPLACE_ALLOWEDIPS);
  if (endpoint !== undefined) writer.attribute(WGPEER_A_ENDPOINT, sockaddr(endpoint));
  writer.nest(WGPEER_A_ALLOWEDIPS, () =>
    writer.nest(0, () => {
      writer.attributeU16(WGALLOWEDIP_A_FAMILY, AF_INET);
      writer.attribute(WGALLOWEDIP_A_IPADDR, ipv4Bytes(address));
      writer.attributeU8(WGALLOWEDIP_A_CIDR_MASK, 32);
    }),
  );
}

function sockaddr({ address, port }: Vtep): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = viewOf(bytes);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port, false);
  bytes.set(ipv4Bytes(address), 4);
  return bytes;
}

function set(family: number, name: string, what: string, write: (writer: MessageWriter) => void): Request {
  return {
    type: family,
    flags: 0,
    what,
    write: writer => {
      header(writer, WG_CMD_SET_DEVICE);
      writer.attributeText(WGDEVICE_A_IFNAME, name);
      write(writer);
    },
  };
}

/** struct genlmsghdr; both families are at version 1. */
function header(writer: MessageWriter, command: number): void {
  writer.u8(command);
  writer.u8(1);
  writer.u16(0);
}
