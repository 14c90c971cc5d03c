import { type Cidr, contains, formatCidr, networkAddress } from '../address.ts';
import type { Problem } from '../errors.ts';
import { rangeOf, sizeOf } from '../range.ts';
import { SMALLEST_SUBNET } from './allocator.ts';

/** Why no addresses of a subnet can be given out, where they come from `universe`; undefined where they can. */
export function subnetProblem(universe: Cidr, subnet: Cidr): Problem | undefined {
  const value = formatCidr(subnet);
  if (subnet.address !== networkAddress(subnet)) return { code: 'subnet-bits', value };
  if (sizeOf(rangeOf(subnet)) < SMALLEST_SUBNET) return { code: 'subnet-small', value };
  const isInside = contains(universe, subnet.address) && subnet.prefix >= universe.prefix;
  return isInside ? undefined : { code: 'subnet-outside', value, range: formatCidr(universe) };
}
