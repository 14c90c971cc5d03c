import fc from 'fast-check';
import { counterIn, dropsIn, elementsIn, ruleIn } from '../../../src/adapters/linux/firewall/nfnetlink.ts';
import { Attributes, attributesIn } from '../../../src/adapters/linux/netlink/attributes.ts';
import { messagesIn } from '../../../src/adapters/linux/netlink/message.ts';
import { readLink } from '../../../src/adapters/linux/rtnetlink/link-table.ts';
import { readForwarding, readNeighbour } from '../../../src/adapters/linux/rtnetlink/neighbours.ts';
import { partIn } from '../../../src/adapters/linux/wireguard/device.ts';
import type { Target } from '../target.ts';

/** The types of messages that are read, as the kernel numbers them: links, neighbours, chains, rules, set elements, objects. */
const TYPES = [16, 28, 0x0a_03, 0x0a_06, 0x0a_0c, 0x0a_12];

const attribute: fc.Arbitrary<Buffer> = fc.letrec<{ node: Buffer }>(tie => ({
  node: fc
    .tuple(
      fc.integer({ min: 0, max: 45 }),
      fc.oneof(
        { maxDepth: 3 },
        fc.uint8Array({ maxLength: 20 }),
        fc.array(tie('node'), { maxLength: 4 }).map(list => Buffer.concat(list)),
      ),
    )
    .map(([type, value]) => {
      const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
      bytes.writeUInt16LE(4 + value.length, 0);
      bytes.writeUInt16LE(type, 2);
      bytes.set(value, 4);
      return bytes;
    }),
})).node;

const message = fc
  .tuple(fc.constantFrom(...TYPES), fc.constantFrom(4, 12, 16), fc.array(attribute, { maxLength: 6 }))
  .map(([type, head, attributes]) => {
    const body = Buffer.concat([Buffer.alloc(head, 7), ...attributes]);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(16 + body.length, 0);
    header.writeUInt16LE(type, 4);
    return Buffer.concat([header, body]);
  });

const SHAPES = [['ipv4_addr'], ['ifname', 'ether_addr', 'ipv4_addr']] as const;

function walk(bytes: Uint8Array, depth: number): void {
  if (depth === 0) return;
  for (const { value } of attributesIn(bytes)) walk(value, depth - 1);
}

export const netlink: Target = {
  what: 'what the kernel answers: rtnetlink, nfnetlink and WireGuard',
  structured: fc.array(message, { maxLength: 4 }).map(list => new Uint8Array(Buffer.concat(list))),
  read(bytes) {
    for (const each of messagesIn(bytes)) {
      readLink(each);
      readForwarding(each.body);
      readNeighbour(each.body);
      for (const shape of SHAPES) elementsIn({ shape: shape }, each);
      counterIn(each);
      dropsIn(each);
      ruleIn(each);
      partIn(each);
      new Attributes(each.body).nest(18).text(1);
      walk(each.body, 4);
    }
  },
};
