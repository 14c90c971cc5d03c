import fc from 'fast-check';
import { parsePeer } from '../../../src/api/control/peer.ts';
import { formatSettings, parseSettings } from '../../../src/api/control/settings.ts';
import {
  contains,
  formatCidr,
  networkAddress,
  parseCidr,
  parseIpv4,
  parseMac,
} from '../../../src/core/address.ts';
import { describe } from '../../../src/core/errors.ts';
import { insist, type Target } from '../target.ts';

const WORDS = [
  '--port',
  '7000',
  '--host=10.0.0.1',
  '--data-port',
  '192.168.48.11:6783',
  '--name',
  'node1',
  '--mtu=1400',
];

export const settings: Target = {
  what: 'arguments, addresses and names that people type',
  structured: fc
    .oneof(
      fc.array(fc.constantFrom(...WORDS), { maxLength: 6 }),
      fc.array(fc.string(), { maxLength: 6 }),
      fc.ipV4Extended().map(text => [text]),
    )
    .map(words => new TextEncoder().encode(words.join('\n'))),
  read(bytes) {
    const words = Buffer.from(bytes).toString().split('\n');
    const parsed = parseSettings(words, {});
    if (!parsed.ok) insist(!describe(parsed.problem).includes('undefined'), 'a refusal names the value');
    else {
      const again = parseSettings(formatSettings(parsed.value), {});
      insist(
        again.ok && formatSettings(again.value).join() === formatSettings(parsed.value).join(),
        'settings are told on',
      );
    }
    for (const word of words) {
      parsePeer(word, 6783);
      parseMac(word);
      parseIpv4(word);
      const cidr = parseCidr(word);
      if (cidr === undefined) continue;
      insist(parseCidr(formatCidr(cidr)) !== undefined, 'an address is told on');
      insist(contains(cidr, networkAddress(cidr)), 'a subnet has its own first address');
    }
  },
};
