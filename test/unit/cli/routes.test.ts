import { describe, expect, it } from 'vitest';
import { checkRoutes } from '../../../cli/routes.ts';
import { parseCidr } from '../../../src/core/address.ts';
import { describe as sentence } from '../../../src/core/errors.ts';

const HEAD = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT';
const route = (device: string, destination: string, mask: string): string =>
  `${device}\t${destination}\t00000000\t0001\t0\t0\t0\t${mask}\t0\t0\t0`;
const said = (range: string, isDefault: boolean, ...routes: string[]): string => {
  const result = checkRoutes(parseCidr(range)!, isDefault, `${[HEAD, ...routes].join('\n')}\n`);
  return result.ok ? 'fine' : sentence(result.problem);
};

const LAN = route('eth0', '0030A8C0', '00FFFFFF');
const DEFAULT = route('eth0', '00000000', '00000000');
const TEN = route('tun0', '0000000A', '000000FF');

describe('the routes of a host', () => {
  it.each([
    ['none', []],
    ['a default route', [DEFAULT]],
    [
      'a default route in halves',
      [route('tun0', '00000000', '00000080'), route('tun0', '00000080', '00000080')],
    ],
    ['others', [LAN, route('eth1', '0000100A', '0000FFFF')]],
    ['one to a device of ours', [route('mesh', '0000200A', '0000F0FF')]],
    ['lines of something else', ['', 'nonsense', 'eth0\tx\ty']],
  ])('%s are not in the way', (_, routes) => {
    expect(said('10.32.0.0/12', true, ...routes)).toBe('fine');
  });

  it('that hold, or lie in, what the mesh gives out are named, with what helps', () => {
    expect(said('10.32.0.0/12', true, DEFAULT, TEN)).toBe(
      'the addresses that the mesh gives out, 10.32.0.0/12, overlap with the route 10.0.0.0/8 (tun0) of this host; launch all hosts with another range, like --ipalloc-range 172.24.0.0/14, or pass --force',
    );
    expect(said('192.168.0.0/16', false, LAN)).toBe(
      'the addresses that the mesh gives out, 192.168.0.0/16, overlap with the route 192.168.48.0/24 (eth0) of this host; take another on all hosts, like --ipalloc-range 10.160.0.0/12, or pass --force',
    );
    expect(said('10.32.0.0/12', true, route('eth1', '0500200A', 'FFFFFFFF'))).toContain(
      '10.32.0.5/32 (eth1)',
    );
  });
});
