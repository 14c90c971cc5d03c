import { viewOf } from '../bytes.ts';
import { Attributes, attributesIn } from '../netlink/attributes.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import { NLM_F_CREATE, type Request } from '../netlink/socket.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import {
  decodeElement,
  type Element,
  encodeElement,
  mapElement,
  type Shape,
  splitMapElement,
} from './elements.ts';

const TEXT = new TextDecoder();

/** The part of nf_tables' netlink protocol that changes while the router runs (linux/netfilter/nf_tables.h). */

export type Family = 'ip' | 'bridge';

export interface TableName {
  readonly family: Family;
  readonly table: string;
}

export interface SetName extends TableName {
  readonly set: string;
  readonly shape: Shape;
  /** What its elements lead to, where it is a map. */
  readonly data?: Shape | undefined;
}

/** Packets and bytes that a named counter saw. */
export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** NFPROTO_* */
const FAMILIES: Readonly<Record<Family, number>> = { ip: 2, bridge: 7 };
const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFT_MSG_DELTABLE = message(2);
const NFT_MSG_NEWCHAIN = message(3);
const NFT_MSG_GETCHAIN = message(4);
const NFT_MSG_NEWRULE = message(6);
const NFT_MSG_GETRULE = message(7);
const NFT_MSG_DELRULE = message(8);
const NFT_MSG_NEWSETELEM = message(12);
const NFT_MSG_GETSETELEM = message(13);
const NFT_MSG_DELSETELEM = message(14);
const NFT_MSG_NEWOBJ = message(18);
const NFT_MSG_GETOBJ = message(19);
const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_POLICY = 5;
const NF_DROP = 0;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_USERDATA = 7;
/** As nft and iptables write a comment into a rule's user data: type, length, text with its zero. */
const UDATA_COMMENT = 0;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_OBJ_TABLE = 1;
const NFTA_OBJ_NAME = 2;
const NFTA_OBJ_TYPE = 3;
const NFTA_OBJ_DATA = 4;
const NFT_OBJECT_COUNTER = 1;
const NFTA_COUNTER_BYTES = 1;
const NFTA_COUNTER_PACKETS = 2;
/** struct nfgenmsg */
const GENERIC_HEADER = 4;
/** The list is one attribute, whose length has 16 bits. */
const ELEMENTS_A_MESSAGE = 500;
/** A batch is one datagram and must fit into the socket's send buffer (208 KiB unless the host was tuned). */
const MESSAGES_A_BATCH = 8;

/**
 * Transactions that carry out `changes` in their order, each with its begin and end: the kernel does all of one or
 * nothing. More than about 4,000 elements take several.
 */
export function transactions(changes: readonly Request[]): readonly (readonly Request[])[] {
  return slices(changes, MESSAGES_A_BATCH).map(some => [boundary('begin'), ...some, boundary('end')]);
}

/** Adds elements; those that are there already stay. */
export function addElements(set: SetName, elements: readonly Element[]): readonly Request[] {
  return slices(elements, ELEMENTS_A_MESSAGE).map(some => ({
    type: NFT_MSG_NEWSETELEM,
    flags: NLM_F_CREATE,
    write: writer => writeElements(writer, set, some),
    what: `add to the set ${set.set} of table ${set.family} ${set.table}`,
  }));
}

/** Removes elements; one that isn't there makes the kernel refuse the whole transaction with `ENOENT`. */
export function removeElements(set: SetName, elements: readonly Element[]): readonly Request[] {
  return slices(elements, ELEMENTS_A_MESSAGE).map(some => ({
    type: NFT_MSG_DELSETELEM,
    flags: 0,
    write: writer => writeElements(writer, set, some),
    what: `remove from the set ${set.set} of table ${set.family} ${set.table}`,
  }));
}

/** Removes a table with all that is in it. */
export function removeTable({ family, table }: TableName): Request {
  return {
    type: NFT_MSG_DELTABLE,
    flags: 0,
    write: writer => {
      writeHeader(writer, FAMILIES[family], 0);
      writer.attributeText(NFTA_TABLE_NAME, table);
    },
    what: `remove the table ${family} ${table}`,
  };
}

/** To be dumped; `elementsIn` reads the answers. */
export function listElements({ family, table, set }: SetName): Request {
  return {
    type: NFT_MSG_GETSETELEM,
    flags: 0,
    write: writer => {
      writeHeader(writer, FAMILIES[family], 0);
      writer.attributeText(NFTA_SET_ELEM_LIST_TABLE, table);
      writer.attributeText(NFTA_SET_ELEM_LIST_SET, set);
    },
    what: `read the set ${set} of table ${family} ${table}`,
  };
}

/** To be dumped; `counterIn` reads the answers. */
export function listCounters({ family, table }: TableName): Request {
  return {
    type: NFT_MSG_GETOBJ,
    flags: 0,
    write: writer => {
      writeHeader(writer, FAMILIES[family], 0);
      writer.attributeText(NFTA_OBJ_TABLE, table);
      writer.attributeU32Be(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
    },
    what: `read the counters of table ${family} ${table}`,
  };
}

/** One rule, as far as who wrote it can tell it by that. */
export interface Rule {
  readonly chain: string;
  readonly handle: bigint;
  readonly comment: string | undefined;
}

/** To be dumped; `ruleIn` reads the answers. */
export function listRules({ family, table }: TableName): Request {
  return {
    type: NFT_MSG_GETRULE,
    flags: 0,
    write: writer => {
      writeHeader(writer, FAMILIES[family], 0);
      writer.attributeText(NFTA_RULE_TABLE, table);
    },
    what: `read the rules of table ${family} ${table}`,
  };
}

/** One that isn't there any more makes the kernel refuse the whole transaction with `ENOENT`. */
export function removeRule({ family, table }: TableName, { chain, handle }: Rule): Request {
  return {
    type: NFT_MSG_DELRULE,
    flags: 0,
    write: writer => {
      writeHeader(writer, FAMILIES[family], 0);
      writer.attributeText(NFTA_RULE_TABLE, table);
      writer.attributeText(NFTA_RULE_CHAIN, chain);
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, handle);
      writer.attribute(NFTA_RULE_HANDLE, bytes);
    },
    what: `remove a rule of chain ${family} ${table} ${chain}`,
  };
}

/** To be asked for; `dropsIn` reads the answer. Refused with `ENOENT` where there is no such chain. */
export function findChain({ family, table }: TableName, chain: string): Request {
  return {
    type: NFT_MSG_GETCHAIN,
    flags: 0,
    write: writer => {
      writeHeader(writer, FAMILIES[family], 0);
      writer.attributeText(NFTA_CHAIN_TABLE, table);
      writer.attributeText(NFTA_CHAIN_NAME, chain);
    },
    what: `read the chain ${family} ${table} ${chain}`,
  };
}

/** Whether a chain drops what none of its rules decides on; undefined where the message is something else. */
export function dropsIn({ type, body }: NetlinkMessage): boolean | undefined {
  if (type !== NFT_MSG_NEWCHAIN) return undefined;
  const policy = new Attributes(body.subarray(GENERIC_HEADER)).bytes(NFTA_CHAIN_POLICY);
  return policy?.length === 4 && viewOf(policy).getUint32(0) === NF_DROP;
}

/** The rule in one message of a dump; undefined where the message is something else or cut off. */
export function ruleIn({ type, body }: NetlinkMessage): Rule | undefined {
  if (type !== NFT_MSG_NEWRULE) return undefined;
  const rule = new Attributes(body.subarray(GENERIC_HEADER));
  const chain = rule.text(NFTA_RULE_CHAIN);
  const handle = rule.bytes(NFTA_RULE_HANDLE);
  if (chain === undefined || handle?.length !== 8) return undefined;
  return {
    chain,
    handle: viewOf(handle).getBigUint64(0),
    comment: commentIn(rule.bytes(NFTA_RULE_USERDATA)),
  };
}

function commentIn(data: Uint8Array | undefined): string | undefined {
  for (let rest = data ?? new Uint8Array(0); rest.length >= 2; ) {
    const [type, length = 0] = rest;
    const value = rest.subarray(2, 2 + length);
    if (type === UDATA_COMMENT) return TEXT.decode(value).replace(/\0.*$/s, '');
    rest = rest.subarray(2 + length);
  }
  return undefined;
}

/** The elements in one message of a dump; leaves out what has another shape or is cut off. */
export function elementsIn(
  { shape, data }: Pick<SetName, 'shape' | 'data'>,
  { type, body }: NetlinkMessage,
): readonly Element[] {
  if (type !== NFT_MSG_NEWSETELEM) return [];
  const list = new Attributes(body.subarray(GENERIC_HEADER)).bytes(NFTA_SET_ELEM_LIST_ELEMENTS);
  const elements: Element[] = [];
  for (const { value } of attributesIn(list ?? new Uint8Array(0))) {
    const held = new Attributes(value);
    const key = held.nest(NFTA_SET_ELEM_KEY).bytes(NFTA_DATA_VALUE);
    const element = key && decodeElement(shape, key);
    if (element === undefined) continue;
    if (data === undefined) {
      elements.push(element);
      continue;
    }
    const target = held.nest(NFTA_SET_ELEM_DATA).bytes(NFTA_DATA_VALUE);
    const leadsTo = target && decodeElement(data, target);
    if (leadsTo !== undefined) elements.push(mapElement(element, leadsTo));
  }
  return elements;
}

/** The counter in one message of a dump, with its name; undefined where the message is something else or cut off. */
export function counterIn({ type, body }: NetlinkMessage): readonly [string, Count] | undefined {
  if (type !== NFT_MSG_NEWOBJ) return undefined;
  const object = new Attributes(body.subarray(GENERIC_HEADER));
  const name = object.text(NFTA_OBJ_NAME);
  const data = object.nest(NFTA_OBJ_DATA);
  const packets = u64Be(data.bytes(NFTA_COUNTER_PACKETS));
  const bytes = u64Be(data.bytes(NFTA_COUNTER_BYTES));
  if (name === undefined || packets === undefined || bytes === undefined) return undefined;
  return [name, { packets, bytes }];
}

function message(type: number): number {
  return (NFNL_SUBSYS_NFTABLES << 8) | type;
}

function boundary(kind: 'begin' | 'end'): Request {
  return {
    type: kind === 'begin' ? NFNL_MSG_BATCH_BEGIN : NFNL_MSG_BATCH_END,
    flags: 0,
    write: writer => writeHeader(writer, 0, NFNL_SUBSYS_NFTABLES),
    what: `${kind} a transaction of nf_tables`,
    acknowledged: false,
  };
}

/** struct nfgenmsg */
function writeHeader(writer: MessageWriter, family: number, resource: number): void {
  writer.u8(family);
  writer.u8(0);
  writer.u16Be(resource);
}

function writeElements(writer: MessageWriter, set: SetName, elements: readonly Element[]): void {
  writeHeader(writer, FAMILIES[set.family], 0);
  writer.attributeText(NFTA_SET_ELEM_LIST_TABLE, set.table);
  writer.attributeText(NFTA_SET_ELEM_LIST_SET, set.set);
  writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
    for (const element of elements) {
      const [key, target] = set.data === undefined ? [element, ''] : splitMapElement(element);
      writer.nest(NFTA_LIST_ELEM, () => {
        writer.nest(NFTA_SET_ELEM_KEY, () =>
          writer.attribute(NFTA_DATA_VALUE, encodeElement(set.shape, key)),
        );
        const { data } = set;
        if (data === undefined) return;
        writer.nest(NFTA_SET_ELEM_DATA, () => writer.attribute(NFTA_DATA_VALUE, encodeElement(data, target)));
      });
    }
  });
}

function u64Be(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 8 ? Number(Buffer.from(bytes).readBigUInt64BE(0)) : undefined;
}

function slices<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const found: (readonly T[])[] = [];
  for (let at = 0; at < items.length; at += size) found.push(items.slice(at, at + size));
  return found;
}
