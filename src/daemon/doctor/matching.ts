import { isObject } from '../../core/json.ts';
import type { Statement } from './ruleset.ts';

/** Whether a rule is about the first packet of a peer. `maybe`: it depends on what isn't known here, e.g. the sender. */
export type Truth = 'yes' | 'no' | 'maybe';

/** The first packet that a peer sends to one port of this host, or this host to a peer: IPv4, not by loopback. */
export interface Packet {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** The elements of a named set, undefined where it isn't known. */
export type Elements = (name: string) => readonly unknown[] | undefined;

/** A `match` statement's body: `{ op, left, right }`. */
export function matches(match: Statement, packet: Packet, elements: Elements): Truth {
  const { op, left, right } = match;
  const value = valueIn(left, packet);
  if (value === undefined) return 'maybe';
  const truth = isAmong(value, right, elements);
  if (op === '==' || op === 'in') return truth;
  return op === '!=' ? not(truth) : 'maybe';
}

/** Whether what `key` looks at in the packet is `element`, or one of it. */
export function isElement(key: unknown, element: unknown, packet: Packet, elements: Elements): Truth {
  const value = valueIn(key, packet);
  return value === undefined ? 'maybe' : isAmong(value, element, elements);
}

export function allOf(truths: readonly Truth[]): Truth {
  if (truths.includes('no')) return 'no';
  return truths.includes('maybe') ? 'maybe' : 'yes';
}

const not = (truth: Truth): Truth => (truth === 'maybe' ? truth : truth === 'yes' ? 'no' : 'yes');

/** What an expression gives for the packet: a value, `other` (none that one would write), or undefined: not known. */
type Value = string | number | { readonly other: readonly string[] };

function valueIn(left: unknown, packet: Packet): Value | undefined {
  if (!isObject(left)) return undefined;
  const { payload, meta, ct, fib } = left;
  if (isObject(payload)) return payloadValue(payload, packet);
  if (isObject(meta)) return metaValue(String(meta['key']), packet);
  if (isObject(ct)) return connectionValue(ct['key']);
  return isObject(fib) && fib['result'] === 'type' ? 'local' : undefined;
}

/** Headers that the packet doesn't have match nothing: an `undefined` that is sure. */
const ABSENT: Value = { other: [] };

function payloadValue({ protocol, field }: Statement, packet: Packet): Value | undefined {
  if (protocol === 'ip') return field === 'protocol' ? packet.protocol : undefined;
  if (protocol === packet.protocol || protocol === 'th') return field === 'dport' ? packet.port : undefined;
  return ABSENT;
}

/** Nobody has translated the first packet's addresses, for it is meant for this host. */
function connectionValue(key: unknown): Value | undefined {
  if (key === 'state') return 'new';
  return key === 'status' ? { other: ['dnat', 'snat'] } : undefined;
}

function metaValue(key: string, packet: Packet): Value | undefined {
  switch (key) {
    case 'l4proto':
      return packet.protocol;
    case 'nfproto':
      return 'ipv4';
    case 'protocol':
      return 'ip';
    case 'pkttype':
      return 'host';
    case 'iif':
    case 'iifname':
    case 'oif':
    case 'oifname':
      // Which device it is isn't known, but for one.
      return { other: ['lo'] };
    default:
      return undefined;
  }
}

const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, ipv4: 2, ip: 0x0800 };

function isAmong(value: Value, right: unknown, elements: Elements): Truth {
  const list = listOf(right, elements);
  if (list === undefined) return 'maybe';
  if (typeof value === 'object') {
    if (value.other.length === 0) return 'no';
    return list.every(each => value.other.includes(String(each))) ? 'no' : 'maybe';
  }
  return list.some(each => isOne(value, each)) ? 'yes' : 'no';
}

function listOf(right: unknown, elements: Elements): readonly unknown[] | undefined {
  if (Array.isArray(right)) return right;
  if (typeof right === 'string' && right.startsWith('@')) return elements(right.slice(1));
  if (isObject(right) && 'set' in right) {
    return Array.isArray(right['set']) ? right['set'] : [right['set']];
  }
  return [right];
}

function isOne(value: string | number, element: unknown): boolean {
  if (isObject(element)) {
    const { range, elem } = element;
    if (isObject(elem)) return isOne(value, elem['val']);
    return Array.isArray(range) && Number(range[0]) <= Number(value) && Number(value) <= Number(range[1]);
  }
  return element === value || (typeof value === 'string' && element === NUMBERS[value]);
}
