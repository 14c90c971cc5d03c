import { readFileSync } from 'node:fs';
import { PROFILES } from '../src/api/profile.ts';
import { type Cidr, contains, formatCidr, fromNumber, parseCidr } from '../src/core/address.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';

interface Route {
  readonly device: string;
  readonly subnet: Cidr;
}

/** Devices of ours, which lead to what the mesh gives out: under any profile. */
const OURS = new RegExp(`^(${PROFILES.map(({ legDevice }) => legDevice).join('|')})`);

/** What to take instead of a range that is in use: the first of these that is free. */
const OTHERS = ['10.160.0.0/12', '172.24.0.0/14', '192.168.128.0/18', '100.96.0.0/12', '198.18.0.0/15'];

/** Some VPNs write the default route as two halves. */
const LIKE_DEFAULT = 1;

/**
 * Containers could not reach what a route of the host leads to, if the mesh gave out the same addresses. Refuses with
 * `range-routed`. `isDefault`: nobody has asked for just this range.
 */
export function checkRoutes(range: Cidr, isDefault: boolean, table = readTable()): Result<void> {
  const routes = parseRoutes(table);
  const found = routes.find(({ subnet }) => overlaps(subnet, range));
  if (found === undefined) return ok(undefined);
  const free = OTHERS.find(text => !routes.some(({ subnet }) => overlaps(subnet, parseCidr(text)!)));
  const example = free === undefined ? '' : `, like --ipalloc-range ${free}`;
  return refuse({
    code: 'range-routed',
    range: formatCidr(range),
    route: `${formatCidr(found.subnet)} (${found.device})`,
    cure: isDefault ? `launch all hosts with another range${example}` : `take another on all hosts${example}`,
  });
}

/** The kernel's main table but for the default route (proc(5), /proc/net/route): numbers as the processor has them. */
function parseRoutes(table: string): readonly Route[] {
  return table.split('\n').flatMap(line => {
    const [device = '', destination = '', , , , , , mask = ''] = line.split('\t');
    if (!/^[\da-f]{8}$/i.test(destination) || !/^[\da-f]{8}$/i.test(mask) || OURS.test(device)) return [];
    const prefix = fromHex(mask).toString(2).replace(/0+$/, '').length;
    return prefix <= LIKE_DEFAULT
      ? []
      : [{ device, subnet: { address: fromNumber(fromHex(destination)), prefix } }];
  });
}

/** A little-endian number, as on every processor that the router is built for. */
function fromHex(text: string): number {
  return Buffer.from(text, 'hex').readUInt32LE();
}

function readTable(): string {
  try {
    return readFileSync('/proc/net/route', 'utf8');
  } catch {
    return '';
  }
}

function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b.address) || contains(b, a.address);
}
