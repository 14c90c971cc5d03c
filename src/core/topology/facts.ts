import { type Ipv4, type Mac, type PeerId, parseCidr, parseIpv4, parseMac, type Vtep } from '../address.ts';
import { isObject, isText, isWithin, toBytes, toObject } from '../json.ts';

/** The domain of who exists, where, and with which connections. */
export const TOPOLOGY = 'topology';
export const HOST_KEY = 'host';
const CONNECTION_PREFIX = 'connection/';
/** What IPv4 asks of every host (RFC 791), and the largest packet there is: nobody can hold the mesh to less. */
const MTU_MIN = 576;
const MTU_MAX = 65_535;

/** A host whose mesh has a password: frames to and from it are encrypted. */
export interface Encryption {
  /** The public key of its tunnels (X25519, base64). */
  readonly key: string;
  /** The UDP port where its kernel takes what is encrypted; undefined where that kernel can't. */
  readonly port?: number;
  /** Where it takes nobody to listen: subnets of the underlay. */
  readonly trusts: readonly string[];
}

/** What a router carries in user space. */
export interface SleeveFact {
  /** The UDP port where it takes frames. */
  readonly port: number;
  /** Whether its kernel takes them as large as it keeps them together. */
  readonly whole: boolean;
  /** Whether frames go no other way to it and from it. */
  readonly only: boolean;
  /** The public key by which frames are sealed (X25519, base64). */
  readonly key: string;
}

/** What a router says of its own host; one entry under `HOST_KEY`. */
export interface HostFact {
  readonly name: Mac;
  readonly nickname: string;
  readonly version: string;
  /** HOST:PORT where its router can be dialled. */
  readonly addresses: readonly string[];
  readonly vtep: Vtep;
  /** Its address in the control network, answered by its kernel. */
  readonly control: Ipv4;
  /** New at every start of the router; tells a restart from a second router with the same key. */
  readonly boot: string;
  /** The largest packet that its underlay and all of its paths take. */
  readonly mtu?: number;
  readonly encryption?: Encryption;
  readonly sleeve?: SleeveFact;
}

/** What a router says of one connection of its own; one entry each, under `connectionKey(peer)`. */
export interface ConnectionFact {
  /** HOST:PORT of the other end. */
  readonly address: string;
  readonly outbound: boolean;
  readonly established: boolean;
  /** The UDP port at which its host relays to that peer, for those who don't reach it themselves. */
  readonly relay?: number;
}

export const connectionKey = (peer: PeerId): string => CONNECTION_PREFIX + peer;

/** The peer that a connection's key names, or undefined for any other key. */
export function connectionPeer(key: string): PeerId | undefined {
  return key.startsWith(CONNECTION_PREFIX) ? (key.slice(CONNECTION_PREFIX.length) as PeerId) : undefined;
}

export const encodeHost = (fact: HostFact): Uint8Array => toBytes(fact);
export const encodeConnection = (fact: ConnectionFact): Uint8Array => toBytes(fact);

export function decodeHost(bytes: Uint8Array): HostFact | undefined {
  const value = toObject(bytes);
  if (value === undefined || !isObject(value['vtep'])) return undefined;
  const { nickname, version, addresses, boot } = value;
  const name = isText(value['name'], 17) ? parseMac(value['name']) : undefined;
  const control = isText(value['control'], 15) ? parseIpv4(value['control']) : undefined;
  const vtep = decodeVtep(value['vtep']);
  if (name === undefined || control === undefined || vtep === undefined) return undefined;
  if (!isText(nickname, 64) || !isText(version, 32) || !isText(boot, 64)) return undefined;
  if (!Array.isArray(addresses) || addresses.length > 8) return undefined;
  if (!addresses.every(address => isText(address, 262))) return undefined;
  const { mtu } = value;
  const told = isWithin(mtu, MTU_MIN, MTU_MAX) && { mtu };
  const encryption = isObject(value['encryption']) ? decodeEncryption(value['encryption']) : undefined;
  const encrypts = encryption && { encryption };
  const sleeve = isObject(value['sleeve']) ? decodeSleeve(value['sleeve']) : undefined;
  return {
    name,
    nickname,
    version,
    addresses,
    vtep,
    control,
    boot,
    ...told,
    ...encrypts,
    ...(sleeve && { sleeve }),
  };
}

function decodeSleeve(value: Readonly<Record<string, unknown>>): SleeveFact | undefined {
  const { port, whole, only, key } = value;
  if (!isWithin(port, 1, 65_535) || typeof whole !== 'boolean' || typeof only !== 'boolean') return undefined;
  return isText(key, 44) && KEY.test(key) ? { port, whole, only, key } : undefined;
}

/** 32 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
/** The most subnets that a host may trust. */
export const TRUSTED_MAX = 32;

function decodeEncryption(value: Readonly<Record<string, unknown>>): Encryption | undefined {
  const { key, port, trusts } = value;
  if (!isText(key, 44) || !KEY.test(key)) return undefined;
  if (!Array.isArray(trusts) || trusts.length > TRUSTED_MAX) return undefined;
  if (!trusts.every(text => isText(text, 18) && parseCidr(text) !== undefined)) return undefined;
  return { key, trusts, ...(isWithin(port, 1, 65_535) && { port }) };
}

function decodeVtep(value: Readonly<Record<string, unknown>>): Vtep | undefined {
  const address = isText(value['address'], 15) ? parseIpv4(value['address']) : undefined;
  const port = value['port'];
  return address !== undefined && isWithin(port, 1, 65_535) ? { address, port } : undefined;
}

export function decodeConnection(bytes: Uint8Array): ConnectionFact | undefined {
  const value = toObject(bytes);
  if (value === undefined) return undefined;
  const { address, outbound, established } = value;
  if (!isText(address, 262) || typeof outbound !== 'boolean' || typeof established !== 'boolean')
    return undefined;
  const { relay } = value;
  return { address, outbound, established, ...(isWithin(relay, 1, 65_535) && { relay }) };
}
