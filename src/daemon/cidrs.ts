import { type Cidr, formatCidr, type Ipv4, parseCidr } from '../core/address.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import type { Report } from '../core/report.ts';

/** Addresses as requests and replies have them. */

export function parseAddresses(texts: readonly string[]): Result<readonly Cidr[]> {
  const addresses: Cidr[] = [];
  for (const text of texts) {
    const address = parseCidr(text);
    if (address === undefined) return refuse({ code: 'bad-address', value: text });
    addresses.push(address);
  }
  return ok(addresses);
}

export function parseSubnets(
  texts: readonly string[],
  defaultSubnet: Cidr | undefined,
): Result<readonly Cidr[]> {
  if (texts.length === 0) return ok([]);
  if (defaultSubnet === undefined) return refuse({ code: 'ipam-off' });
  const subnets = parseAddresses(texts.filter(text => text !== 'default'));
  return subnets.ok && texts.includes('default') ? ok([...subnets.value, defaultSubnet]) : subnets;
}

/** With their prefixes: all that containers have or had. */
export function attachedIn(report: Report): readonly Cidr[] {
  const stopped = report.dormant.flatMap(({ addresses }) => addresses.flatMap(text => parseCidr(text) ?? []));
  return [...report.endpoints, ...stopped];
}

export function withPrefixes(addresses: readonly Ipv4[], known: readonly Cidr[]): readonly string[] {
  return addresses.map(address => {
    const cidr = known.find(candidate => candidate.address === address);
    return cidr === undefined ? address : formatCidr(cidr);
  });
}
