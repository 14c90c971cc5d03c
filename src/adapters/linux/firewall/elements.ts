import { type Ipv4, type Mac, parseIpv4, parseMac } from '../../../core/address.ts';
import { ipv4Bytes, ipv4Of, macBytes, macOf } from '../bytes.ts';

/** Elements of nftables sets: as text, the way nft writes them, and as the bytes that the kernel compares. */

/** What an element is put together from, by nft's names of the types. */
type Part = 'ifname' | 'ether_addr' | 'ipv4_addr' | 'inet_service';
export type Shape = readonly Part[];

/** The parts with ` . ` between them, e.g. `m1a2b3c4d5e . 0a:58:0a:00:00:0b . 10.0.0.11`. */
export type Element = string;
/** By the name of their set. */
export type Elements = ReadonlyMap<string, ReadonlySet<Element>>;

const SEPARATOR = ' . ';
const ARROW = ' : ';
const SIZES: Readonly<Record<Part, number>> = { ifname: 16, ether_addr: 6, ipv4_addr: 4, inet_service: 2 };
/** What this project gives to an interface; leaves nothing that nft would read as more than a name. */
const PORT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;
const PORT = /^[1-9][0-9]{0,4}$/;
const TEXT = new TextDecoder('latin1');

export function join(...parts: readonly string[]): Element {
  return parts.join(SEPARATOR);
}

export function split(element: Element): readonly string[] {
  return element.split(SEPARATOR);
}

/** An element of a map: the key, and what it leads to. */
export const mapElement = (key: Element, value: Element): Element => `${key}${ARROW}${value}`;

export function splitMapElement(element: Element): readonly [Element, Element] {
  const [key = '', value = ''] = element.split(ARROW);
  return [key, value];
}

/** The bytes of the key: in a concatenation, each part is padded to four bytes. Throws where `element` has another shape. */
export function encodeElement(shape: Shape, element: Element): Uint8Array {
  const parts = split(element);
  if (parts.length !== shape.length) throw new Error(`"${element}" is not ${shape.join(SEPARATOR)}`);
  const bytes = new Uint8Array(keyLength(shape));
  let at = 0;
  shape.forEach((part, index) => {
    bytes.set(encodePart(part, parts[index] ?? ''), at);
    at += stride(shape, part);
  });
  return bytes;
}

/** The element that a key stands for, or undefined where no element of this shape has that key. */
export function decodeElement(shape: Shape, key: Uint8Array): Element | undefined {
  if (key.length !== keyLength(shape)) return undefined;
  const parts: string[] = [];
  let at = 0;
  for (const part of shape) {
    const text = decodePart(part, key.subarray(at, at + SIZES[part]));
    if (text === undefined) return undefined;
    parts.push(text);
    at += stride(shape, part);
  }
  return join(...parts);
}

/** As nft reads it in a script: names in quotes. */
export function quoteElement(shape: Shape, element: Element): string {
  return split(element)
    .map((part, index) => (shape[index] === 'ifname' ? `"${part}"` : part))
    .join(SEPARATOR);
}

function keyLength(shape: Shape): number {
  return shape.reduce((sum, part) => sum + stride(shape, part), 0);
}

function stride(shape: Shape, part: Part): number {
  return shape.length === 1 ? SIZES[part] : (SIZES[part] + 3) & ~3;
}

function encodePart(part: Part, text: string): Uint8Array {
  if (part === 'ifname') {
    if (!PORT_NAME.test(text)) throw new Error(`"${text}" is not the name of a port`);
    return Buffer.from(text, 'latin1');
  }
  if (part === 'inet_service') {
    if (!PORT.test(text)) throw new Error(`"${text}" is not a port`);
    return Uint8Array.of(Number(text) >> 8, Number(text) & 0xff);
  }
  const address = part === 'ether_addr' ? parseMac(text) : parseIpv4(text);
  if (address === undefined) throw new Error(`"${text}" is not an address`);
  return part === 'ether_addr' ? macBytes(address as Mac) : ipv4Bytes(address as Ipv4);
}

function decodePart(part: Part, bytes: Uint8Array): string | undefined {
  if (part === 'ipv4_addr') return ipv4Of(bytes);
  if (part === 'inet_service') return `${(bytes[0] ?? 0) * 256 + (bytes[1] ?? 0)}`;
  if (part === 'ether_addr') return macOf(bytes);
  const end = bytes.indexOf(0);
  const name = TEXT.decode(end < 0 ? bytes : bytes.subarray(0, end));
  return PORT_NAME.test(name) ? name : undefined;
}
