import { describe, expect, it } from 'vitest';
import {
  decodeElement,
  encodeElement,
  type Shape,
} from '../../../../src/adapters/linux/firewall/elements.ts';
import {
  addElements,
  counterIn,
  dropsIn,
  elementsIn,
  findChain,
  listCounters,
  listElements,
  listRules,
  removeElements,
  removeRule,
  removeTable,
  ruleIn,
  type SetName,
  transactions,
} from '../../../../src/adapters/linux/firewall/nfnetlink.ts';
import type { NetlinkMessage } from '../../../../src/adapters/linux/netlink/message.ts';
import type { Request } from '../../../../src/adapters/linux/netlink/socket.ts';
import { MessageWriter } from '../../../../src/adapters/linux/netlink/writer.ts';

const PEERS: SetName = { family: 'ip', table: 'mesh', set: 'peers', shape: ['ipv4_addr'] };
const SENDERS: SetName = {
  family: 'bridge',
  table: 'mesh',
  set: 'senders',
  shape: ['ifname', 'ether_addr', 'ipv4_addr'],
};

/** As the socket sends them, from sequence number 1; each message without what is the same in all. */
function written(requests: readonly Request[]): readonly string[] {
  return requests.map(({ type, flags, write }) => {
    const writer = new MessageWriter();
    writer.message(type, flags, 1, () => write(writer));
    return Buffer.from(writer.bytes()).toString('hex');
  });
}

const hex = (text: string): string => text.replaceAll(/\s|#.*$/gm, '');

describe('requests to nf_tables', () => {
  it('change a set in one transaction', () => {
    const [transaction, ...more] = transactions([
      ...addElements(PEERS, ['10.0.0.1', '10.0.0.2']),
      ...removeElements(PEERS, ['10.0.0.3']),
    ]);
    expect(more).toEqual([]);
    expect(written(transaction ?? [])).toEqual([
      hex(`14000000 1000 0000 01000000 00000000   00 00 000a`),
      hex(`50000000 0c0a 0004 01000000 00000000   02 00 0000
           0900 0100 6d65736800 000000            # table: mesh
           0a00 0200 706565727300 0000            # set: peers
           2400 0380                              # elements
             1000 0180 0c00 0180 0800 0100 0a000001
             1000 0180 0c00 0180 0800 0100 0a000002`),
      hex(`40000000 0e0a 0000 01000000 00000000   02 00 0000
           0900 0100 6d65736800 000000
           0a00 0200 706565727300 0000
           1400 0380
             1000 0180 0c00 0180 0800 0100 0a000003`),
      hex(`14000000 1100 0000 01000000 00000000   00 00 000a`),
    ]);
    expect(transaction?.map(request => request.acknowledged)).toEqual([false, undefined, undefined, false]);
  });

  it('write concatenated keys with each part padded to four bytes', () => {
    const requests = addElements(SENDERS, ['mv01 . 0a:58:0a:00:00:0b . 10.0.0.11']);
    expect(written(requests)).toEqual([
      hex(`58000000 0c0a 0004 01000000 00000000   07 00 0000
           0900 0100 6d65736800 000000
           0c00 0200 73656e6465727300
           2c00 0380 2800 0180 2400 0180 2000 0100
             6d763031 00000000 00000000 00000000  # mv01
             0a580a00 000b0000                    # 0a:58:0a:00:00:0b
             0a00000b                             # 10.0.0.11`),
    ]);
  });

  it('take several transactions for very many elements', () => {
    const many = Array.from({ length: 4001 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const found = transactions(addElements(PEERS, many));
    expect(found.map(requests => requests.length)).toEqual([10, 3]);
    for (const requests of found) expect(written(requests).join('').length / 2).toBeLessThan(208 << 10);
    expect(transactions(addElements(PEERS, []))).toEqual([]);
  });

  it('name what they are about', () => {
    expect(written([removeTable(PEERS), listElements(PEERS), listCounters(SENDERS)])).toEqual([
      hex(`20000000 020a 0000 01000000 00000000   02 00 0000   0900 0100 6d65736800 000000`),
      hex(`2c000000 0d0a 0000 01000000 00000000   02 00 0000   0900 0100 6d65736800 000000
           0a00 0200 706565727300 0000`),
      hex(`28000000 130a 0000 01000000 00000000   07 00 0000   0900 0100 6d65736800 000000
           0800 0300 00000001`),
    ]);
  });
});

describe('answers of nf_tables', () => {
  const answer = (request: Request | undefined): NetlinkMessage => {
    const writer = new MessageWriter();
    request?.write(writer);
    return { type: request?.type ?? 0, flags: 0, sequence: 1, body: writer.bytes() };
  };
  const SENDER = 'mv01 . 0a:58:0a:00:00:0b . 10.0.0.11';
  const elements = answer(addElements(SENDERS, [SENDER, SENDER])[0]);
  const counter: NetlinkMessage = {
    type: 0x0a12,
    flags: 0,
    sequence: 1,
    body: Buffer.from(
      hex(`07 00 0000   0900 0100 6d65736800 000000   0c00 0200 73706f6f66656400   0800 0300 00000001
           1c00 0480 0c00 0100 0000000000000203 0c00 0200 0000000100000004`),
      'hex',
    ),
  };

  it('give elements and counters', () => {
    expect(elementsIn(SENDERS, elements)).toEqual([SENDER, SENDER]);
    expect(counterIn(counter)).toEqual(['spoofed', { packets: 2 ** 32 + 4, bytes: 0x203 }]);
  });

  it('give only what is whole where they are cut off', () => {
    for (let length = 0; length < elements.body.length; length += 1) {
      const found = elementsIn(SENDERS, { ...elements, body: elements.body.subarray(0, length) });
      expect(found.every(element => element === SENDER)).toBe(true);
    }
    for (let length = 0; length < counter.body.length; length += 1) {
      expect(counterIn({ ...counter, body: counter.body.subarray(0, length) })).toBeUndefined();
    }
  });

  it('give nothing where they are about something else', () => {
    expect(elementsIn(SENDERS, { ...elements, type: 3 })).toEqual([]);
    expect(elementsIn(PEERS, elements)).toEqual([]);
    expect(counterIn({ ...counter, type: 3 })).toBeUndefined();
  });

  it('survive any byte being another', () => {
    for (let at = 0; at < elements.body.length; at += 1) {
      const body = Buffer.from(elements.body);
      body[at] = (body[at] ?? 0) ^ 0xff;
      for (const element of elementsIn(SENDERS, { ...elements, body })) {
        expect(decodeElement(SENDERS.shape, encodeElement(SENDERS.shape, element))).toBe(element);
      }
    }
  });
});

describe('elements', () => {
  const cases: readonly (readonly [Shape, string, string])[] = [
    [['ether_addr'], '0a:58:0a:00:00:0b', '0a580a00000b'],
    [['ifname'], 'mv0123456789abc', '6d763031323334353637383961626300'],
    [['ifname', 'ether_addr'], 'x . ff:ff:ff:ff:ff:ff', `78${'00'.repeat(15)}ffffffffffff0000`],
  ];

  it('become bytes and text again', () => {
    for (const [shape, element, key] of cases) {
      expect(Buffer.from(encodeElement(shape, element)).toString('hex')).toBe(key);
      expect(decodeElement(shape, Buffer.from(key, 'hex'))).toBe(element);
      expect(decodeElement(shape, Buffer.from(`${key}00`, 'hex'))).toBeUndefined();
    }
  });

  it('never hold anything that a script would take for more than a name', () => {
    for (const name of ['', 'a b', 'x"; flush ruleset; "', 'sixteen-letters0', '*', 'm*', '-x', 'a\nb']) {
      expect(() => encodeElement(['ifname'], name)).toThrow();
      const key = Buffer.alloc(16);
      key.write(name.slice(0, 16), 'latin1');
      expect(decodeElement(['ifname'], key)).toBeUndefined();
    }
    for (const address of ['10.0.0', '10.0.0.256', '0a:58']) {
      expect(() => encodeElement(['ipv4_addr'], address)).toThrow();
      expect(() => encodeElement(['ether_addr'], address)).toThrow();
    }
    expect(() => encodeElement(['ether_addr', 'ipv4_addr'], '0a:58:0a:00:00:0b')).toThrow();
  });
});

describe('chains and rules', () => {
  const FILTER = { family: 'ip', table: 'filter' } as const;
  /** A message of the kernel: struct nfgenmsg, then attributes. */
  const message = (type: number, attributes: string): NetlinkMessage => ({
    type,
    flags: 0,
    sequence: 1,
    body: Buffer.from(hex(`02000000 ${attributes}`), 'hex'),
  });
  const CHAIN = '0c00 0100 46 4f 52 57 41 52 44 00';
  const HANDLE = '0c00 0300 0000000000000105';

  it('are asked for, and rules taken out by their number', () => {
    const rule = { chain: 'FORWARD', handle: 261n, comment: undefined };
    expect(written([findChain(FILTER, 'FORWARD'), listRules(FILTER), removeRule(FILTER, rule)])).toEqual([
      hex(`2c000000 040a 0000 01000000 00000000   02 00 0000
           0b00 0100 66696c74657200 00            # table: filter
           0c00 0300 464f525741524400             # chain: FORWARD`),
      hex(`20000000 070a 0000 01000000 00000000   02 00 0000
           0b00 0100 66696c74657200 00`),
      hex(`38000000 080a 0000 01000000 00000000   02 00 0000
           0b00 0100 66696c74657200 00
           0c00 0200 464f525741524400
           0c00 0300 0000000000000105`),
    ]);
  });

  it('tell whether a chain drops by its policy', () => {
    expect(dropsIn(message(0x0a_03, '0800 0500 00000000'))).toBe(true);
    expect(dropsIn(message(0x0a_03, '0800 0500 00000001'))).toBe(false);
    expect(dropsIn(message(0x0a_03, CHAIN.replace('0100', '0300')))).toBe(false);
    expect(dropsIn(message(0x0a_06, '0800 0500 00000000'))).toBeUndefined();
  });

  it('are read with the comment that nft or iptables wrote', () => {
    const chain = CHAIN.replace('0100', '0200');
    const comment = '0c00 0700 00 05 6d65736800 00';
    expect(ruleIn(message(0x0a_06, `${chain} ${HANDLE} ${comment}`))).toEqual({
      chain: 'FORWARD',
      handle: 261n,
      comment: 'mesh',
    });
    const other = '0c00 0700 01 00 00 04 61626300';
    expect(ruleIn(message(0x0a_06, `${chain} ${HANDLE} ${other}`))?.comment).toBe('abc');
    expect(ruleIn(message(0x0a_06, `${chain} ${HANDLE}`))?.comment).toBeUndefined();
    expect(ruleIn(message(0x0a_06, chain))).toBeUndefined();
    expect(ruleIn(message(0x0a_0c, `${chain} ${HANDLE}`))).toBeUndefined();
  });
});
