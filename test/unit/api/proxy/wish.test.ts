import { describe, expect, it } from 'vitest';
import { hostName } from '../../../../src/api/proxy/hostname.ts';
import { fieldName, fieldOf, parseFields } from '../../../../src/api/proxy/json.ts';
import { readWish, type WishOptions } from '../../../../src/api/proxy/wish.ts';
import { parseCidr } from '../../../../src/core/address.ts';

const OPTIONS: WishOptions = { variable: 'MESH_CIDR', isDefault: true, subnet: parseCidr('10.32.0.0/12') };
const wish = (value: string | undefined, options: Partial<WishOptions> = {}) =>
  readWish(value === undefined ? ['PATH=/bin'] : ['PATH=/bin', `MESH_CIDR=${value}`], {
    ...OPTIONS,
    ...options,
  });
const ANY = { wish: { endpoint: 'any', addresses: [], subnets: [] } };
const NONE = { wish: undefined };

describe('what a container wants', () => {
  it('is an address, unless it says otherwise', () => {
    expect(wish(undefined)).toEqual(ANY);
    expect(readWish(null, OPTIONS)).toEqual(ANY);
    expect(wish('none')).toEqual(NONE);
    expect(wish('net:default')).toEqual(ANY);
    expect(wish('net:10.32.0.0/12')).toEqual(ANY);
  });

  it('is nothing where only those get one that ask', () => {
    expect(wish(undefined, { isDefault: false })).toEqual(NONE);
    expect(wish('', { isDefault: false })).toEqual(ANY);
    expect(wish(undefined, { subnet: undefined })).toEqual(NONE);
  });

  it('is this very address', () => {
    expect(wish('10.32.1.1/12')).toEqual({
      wish: { endpoint: { address: '10.32.1.1', prefix: 12 }, addresses: [], subnets: [] },
    });
    expect(wish('ip:10.32.1.1/12')).toEqual(wish('10.32.1.1/12'));
  });

  it('is attached where it has another subnet than the network', () => {
    expect(wish('10.2.1.1/24 net:10.32.5.0/24  net:default 10.32.1.1/24 10.32.1.2/12')).toEqual({
      wish: {
        endpoint: 'any',
        addresses: ['10.2.1.1/24', '10.32.1.1/24', '10.32.1.2/12'],
        subnets: ['10.32.5.0/24'],
      },
    });
    expect(wish('10.2.1.1/24', { subnet: undefined })).toEqual({
      wish: { endpoint: undefined, addresses: ['10.2.1.1/24'], subnets: [] },
    });
  });

  it.each(['10.2.1.1', 'net:', 'net:x', 'all', '10.2.1.1/24,10.2.1.2/24', 'none 10.2.1.1/24', '300.1.1.1/8'])(
    'is refused by name: %s',
    value => {
      expect(wish(value)).toEqual({ wrong: expect.stringContaining('MESH_CIDR: "') });
    },
  );

  it('is the last that it says', () => {
    expect(readWish(['MESH_CIDR=none', 'MESH_CIDR=net:default'], OPTIONS)).toEqual(ANY);
    expect(wish('net:default', { subnet: undefined })).toEqual({
      wrong: expect.stringContaining('no addresses'),
    });
  });
});

describe('a host name', () => {
  const all = { label: undefined, match: /(.*)/, replacement: '$1' };
  it('is the name of the container, or what is left of it or a label', () => {
    expect(hostName(all, 'web', {}, 'mesh.internal')).toBe('web');
    const rule = { label: 'app', match: /^aws-[0-9]+-(.*)$/, replacement: 'my-app-$1' };
    expect(hostName(rule, 'web', { app: 'aws-12-foo' }, 'mesh.internal')).toBe('my-app-foo');
    expect(hostName(rule, 'web', {}, 'mesh.internal')).toBeUndefined();
    expect(hostName(rule, 'web', null, 'mesh.internal')).toBeUndefined();
  });
  it.each(['', '-web', 'web!', 'w'.repeat(51)])('is left out where it could be none: "%s"', name => {
    expect(hostName(all, name, {}, 'mesh.internal')).toBeUndefined();
  });
});

describe('a body in JSON', () => {
  it('keeps all digits of its numbers, and the order of its fields', () => {
    const text =
      '{"Memory":9223372036854771712,"b":[1.50,-0,1e400],"a":{"x":null},"__proto__":{"y":"\\u2028"}}';
    expect(JSON.stringify(parseFields(text))).toBe(text.replace('\\u2028', '\u2028'));
  });

  it.each(['', 'null', '5', '[]', '{', '{}x', '{"a":1,"a":2}', '{"a":{"b":[{"c":1,"\\u0063":2}]}}'])(
    'is none where it could mean several things, or nothing: %s',
    text => {
      expect(parseFields(text)).toBeUndefined();
    },
  );

  it('takes what looks like a field inside of a text for a text', () => {
    expect(parseFields('{"a":"\\"b\\":{","b":["a","a"],"c":{"a":1}}')).toBeDefined();
  });

  it('has fields in capitals or not, as the engine has', () => {
    const fields = { hoſtConfig: 1, Env: 2, env: 3 };
    expect(fieldOf(fields, 'HostConfig')).toBe(1);
    expect(fieldName(fields, 'Env')).toBeUndefined();
    expect(fieldName(fields, 'Labels')).toBe('Labels');
  });
});
