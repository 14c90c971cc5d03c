import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  broadcastAddress,
  type Cidr,
  compare,
  contains,
  formatCidr,
  fromNumber,
  type Ipv4,
  macFromBytes,
  macOfAddress,
  networkAddress,
  parseCidr,
  parseIpv4,
  parseMac,
  serviceAddress,
  toNumber,
} from '../../../src/core/address.ts';
import { campaign } from '../../support/campaign.ts';

const cidr = (text: string): Cidr => parseCidr(text)!;
const address = (text: string): Ipv4 => parseIpv4(text)!;
const number = fc.integer({ min: 0, max: 0xffff_ffff });

describe('addresses', () => {
  it('come back from their number', () => {
    fc.assert(
      fc.property(number, value => {
        expect(toNumber(fromNumber(value))).toBe(value);
      }),
      campaign(90_01, 1_000),
    );
  });

  it.each(['0.0.0.0', '10.0.0.11', '255.255.255.255'])('%s is one', text =>
    expect(parseIpv4(text)).toBe(text),
  );

  it.each([
    '',
    '10.0.0',
    '10.0.0.0.1',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.-4',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.',
    'a.b.c.d',
    '1e1.2.3.4',
    '::1',
  ])('"%s" is none', text => expect(parseIpv4(text)).toBeUndefined());
});

describe('subnets', () => {
  it.each(['10.0.0.11/24', '0.0.0.0/0', '10.0.0.1/32'])('%s comes back as written', text => {
    expect(formatCidr(cidr(text))).toBe(text);
  });

  it.each([
    '10.0.0.11',
    '10.0.0.11/',
    '10.0.0.11/33',
    '10.0.0.11/-1',
    '10.0.0.11/2.5',
    '10.0.0/24',
    '10.0.0.11/24/8',
    '10.0.0.11/0x8',
  ])('"%s" is none', text => expect(parseCidr(text)).toBeUndefined());

  it.each([
    ['10.32.7.9/12', '10.32.0.0', '10.47.255.255'],
    ['10.0.0.11/24', '10.0.0.0', '10.0.0.255'],
    ['10.0.0.11/31', '10.0.0.10', '10.0.0.11'],
    ['10.0.0.11/32', '10.0.0.11', '10.0.0.11'],
    ['200.1.2.3/0', '0.0.0.0', '255.255.255.255'],
    ['200.1.2.3/1', '128.0.0.0', '255.255.255.255'],
  ])('%s goes from %s to %s', (text, first, last) => {
    expect([networkAddress(cidr(text)), broadcastAddress(cidr(text))]).toEqual([first, last]);
  });

  it('contain exactly what lies between their first and last address', () => {
    fc.assert(
      fc.property(number, fc.nat(32), number, (base, prefix, other) => {
        const subnet = { address: fromNumber(base), prefix };
        const first = toNumber(networkAddress(subnet))!;
        const last = toNumber(broadcastAddress(subnet))!;
        expect(contains(subnet, fromNumber(other))).toBe(other >= first && other <= last);
        expect(last - first + 1).toBe(2 ** (32 - prefix));
      }),
      campaign(90_02, 1_000),
    );
  });
});

describe('MACs', () => {
  it.each(['0a:58:0a:00:00:0b', 'ff:ff:ff:ff:ff:ff'])('%s is one', text => expect(parseMac(text)).toBe(text));

  it.each([
    '0A:58:0a:00:00:0b',
    '0a:58:0a:00:00',
    '0a-58-0a-00-00-0b',
    '0a:58:0a:00:00:0b:01',
    '0a:58:0a:00:00:0g',
    '',
  ])('"%s" is none', text => expect(parseMac(text)).toBeUndefined());

  it('made from bytes are local and for one station, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 40 }), bytes => {
        const mac = parseMac(macFromBytes(bytes))!;
        expect(Number.parseInt(mac.slice(0, 2), 16) & 0b11).toBe(0b10);
      }),
      campaign(90_03, 500),
    );
  });

  it('of an address depend on network, address and salt, and on nothing else', () => {
    const mac = macOfAddress(6784, address('10.0.0.11'), 0);
    expect(parseMac(mac)).toBe(mac);
    expect(macOfAddress(6784, address('10.0.0.11'), 0)).toBe(mac);
    const others = [
      macOfAddress(6784, address('10.0.0.12'), 0),
      macOfAddress(6785, address('10.0.0.11'), 0),
      macOfAddress(6784, address('10.0.0.11'), 1),
    ];
    expect(new Set([mac, ...others]).size).toBe(4);
  });
});

it('orders by code unit, on every host alike', () => {
  expect(['b', 'a', 'ä', 'B', '10', '9'].sort(compare)).toEqual(['10', '9', 'B', 'a', 'b', 'ä']);
  expect(compare('a', 'a')).toBe(0);
});

describe('the service address', () => {
  it.each([
    ['10.32.0.0/12', '10.47.255.254'],
    ['10.0.0.0/24', '10.0.0.254'],
    ['10.0.0.4/30', '10.0.0.6'],
    ['10.0.0.4/31', undefined],
    ['10.0.0.4/32', undefined],
  ])('of %s is %s', (subnet, address) => {
    expect(serviceAddress(parseCidr(subnet)!)).toBe(address);
  });
});
