/** Addresses as the mesh writes them: parsing, printing and the little arithmetic that the views need. */

type Brand<Name extends string> = string & { readonly brand: Name };

/** Canonical dotted quad, e.g. `10.0.0.11`. */
export type Ipv4 = Brand<'Ipv4'>;
/** Six lower-case hex bytes, e.g. `0a:58:0a:00:00:0b`. */
export type Mac = Brand<'Mac'>;
/** A libp2p peer id in base58, e.g. `12D3KooW...`; it holds the peer's public key. */
export type PeerId = Brand<'PeerId'>;

/** An address with the length of its subnet's prefix, e.g. `10.0.0.11/24`. */
export interface Cidr {
  readonly address: Ipv4;
  readonly prefix: number;
}

/** Where a host takes VXLAN frames: an underlay address and a UDP port (RFC 7348: a VTEP). */
export interface Vtep {
  readonly address: Ipv4;
  readonly port: number;
}

const ZERO = 48;

/** The address as an unsigned 32-bit number, or undefined where `text` is not a canonical dotted quad. */
export function toNumber(text: string): number | undefined {
  let number = 0;
  let octets = 0;
  for (let index = 0; octets < 4; index += 1) {
    const start = index;
    let octet = 0;
    for (let digit = text.charCodeAt(index) - ZERO; digit >= 0 && digit <= 9; ) {
      octet = octet * 10 + digit;
      index += 1;
      digit = text.charCodeAt(index) - ZERO;
    }
    const length = index - start;
    if (length === 0 || length > 3 || octet > 255 || (length > 1 && text.charCodeAt(start) === ZERO))
      return undefined;
    octets += 1;
    number = number * 256 + octet;
    if (octets < 4 ? text[index] !== '.' : index !== text.length) return undefined;
  }
  return number;
}

export function fromNumber(number: number): Ipv4 {
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}` as Ipv4;
}

export function parseIpv4(text: string): Ipv4 | undefined {
  return toNumber(text) === undefined ? undefined : (text as Ipv4);
}

/** Parses `10.0.0.11/24`. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseIpv4(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === undefined || !/^\d{1,2}$/.test(digits) || Number(digits) > 32) return undefined;
  return { address, prefix: Number(digits) };
}

export function formatCidr(cidr: Cidr): string {
  return `${cidr.address}/${cidr.prefix}`;
}

const hostBits = (prefix: number): number => (prefix === 32 ? 0 : 0xffffffff >>> prefix);
const numberOf = (address: Ipv4): number => toNumber(address) ?? 0;

/** The first address of the subnet that `cidr` lies in. */
export function networkAddress(cidr: Cidr): Ipv4 {
  return fromNumber((numberOf(cidr.address) & ~hostBits(cidr.prefix)) >>> 0);
}

/** The last address of the subnet that `cidr` lies in. */
export function broadcastAddress(cidr: Cidr): Ipv4 {
  return fromNumber((numberOf(cidr.address) | hostBits(cidr.prefix)) >>> 0);
}

/** Like 255.255.255.0 for a prefix of 24. */
export const networkMask = ({ prefix }: Cidr): Ipv4 => fromNumber(~hostBits(prefix) >>> 0);

/** The subnet that `cidr` lies in. */
export const subnetOf = (cidr: Cidr): Cidr => ({ address: networkAddress(cidr), prefix: cidr.prefix });

/**
 * The last address of a subnet before its broadcast address: the mesh's own on every host, its DNS and gateway.
 * Undefined where the subnet is too small for one.
 */
export function serviceAddress(subnet: Cidr): Ipv4 | undefined {
  return subnet.prefix > 30 ? undefined : fromNumber(numberOf(broadcastAddress(subnet)) - 1);
}

export function contains(subnet: Cidr, address: Ipv4): boolean {
  return networkAddress({ address, prefix: subnet.prefix }) === networkAddress(subnet);
}

export function parseMac(text: string): Mac | undefined {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(text) ? (text as Mac) : undefined;
}

/** A locally administered unicast MAC out of any six bytes. */
export function macFromBytes(bytes: Uint8Array): Mac {
  const six = [...bytes.subarray(0, 6)];
  six[0] = ((six[0] ?? 0) & 0xfc) | 0x02;
  return six.map(byte => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}

/**
 * The MAC of an address on a network: the same wherever the address lives, so that one that moves leaves no
 * stale ARP entry. `salt` (0, 1, 2 ...) finds another where that MAC is in use.
 */
export function macOfAddress(vni: number, address: Ipv4, salt: number): Mac {
  const number = numberOf(address);
  const octets = [24, 16, 8, 0].map(shift => (number >>> shift) & 255);
  return macFromBytes(Uint8Array.from([0x0a, (vni * 31 + salt) & 255, ...octets]));
}

/** Orders strings by code unit: the same on every host, whatever its locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
