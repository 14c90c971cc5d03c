import { type Cidr, formatCidr, parseCidr } from '../address.ts';
import { isText, toBytes, toObject } from '../json.ts';

/** An address that this host has given to somebody: durable before it is told. */
export interface Allocation {
  readonly cidr: Cidr;
  /** A container's id, or what else asked for it. */
  readonly owner: string;
}

export const ALLOCATION_PREFIX = 'address/';

export const allocationKey = ({ address }: Cidr): string => ALLOCATION_PREFIX + address;

export const encodeAllocation = ({ cidr, owner }: Allocation): Uint8Array =>
  toBytes({ cidr: formatCidr(cidr), owner });

/** Undefined for a record of anything else. */
export function decodeAllocation(key: string, bytes: Uint8Array): Allocation | undefined {
  if (!key.startsWith(ALLOCATION_PREFIX)) return undefined;
  const { cidr: text, owner } = toObject(bytes) ?? {};
  const cidr = isText(text, 18) ? parseCidr(text) : undefined;
  return cidr === undefined || !isText(owner, 512) ? undefined : { cidr, owner };
}
