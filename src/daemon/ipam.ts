import type { Settings } from '../api/control/options.ts';
import { type Cidr, contains, formatCidr } from '../core/address.ts';
import { ByteReader } from '../core/bytes.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import { decodeAllocation } from '../core/host/allocation.ts';
import { storedTargets } from '../core/host/dialling.ts';
import { ownRecord } from '../core/host/durability.ts';
import type { HostConfig, IpamConfig } from '../core/host/step.ts';
import { CUSTODY_KEY, decodeCustody, IPAM } from '../core/ipam/custody.ts';
import { defaultPart } from '../core/networks/pool.ts';
import { readEntry } from '../core/replica/encoding.ts';

type Records = HostConfig['records'];

/**
 * What the host is told of the addresses that it gives out; undefined where it gives out none. Refuses with
 * `range-changed` or `address-stray` where an earlier launch gave out others: what they were given to still has them.
 */
export function ipamConfig(
  settings: Settings,
  self: HostConfig['self'],
  records: Records,
): Result<IpamConfig | undefined> {
  const { ipamRange: universe, ipamSubnet, ipamInit, ipamTimeout, ipamQuarantine } = settings;
  const now = universe === undefined ? 'none' : formatCidr(universe);
  const before = earlierRange(self, records);
  if (before !== undefined && before !== now) return refuse({ code: 'range-changed', before, now });
  const stray = strayAddress(universe, records);
  if (stray !== undefined)
    return refuse({ code: 'address-stray', value: stray, range: universe === undefined ? '""' : now });
  if (universe === undefined) return ok(undefined);
  const peers = settings.resume ? storedTargets(records) : settings.peers;
  const init =
    ipamInit.kind === 'consensus'
      ? { kind: ipamInit.kind, electorate: ipamInit.electorate, named: peers }
      : ipamInit;
  return ok({
    universe,
    defaultSubnet: ipamSubnet ?? defaultPart(universe),
    init,
    ...(settings.profile.dividesLate && { lazy: true }),
    timeoutMs: ipamTimeout * 1_000,
    quarantineMs: ipamQuarantine * 1_000,
  });
}

/** The range that this host holds a part of. */
function earlierRange(self: HostConfig['self'], records: Records): string | undefined {
  const record = records.get(ownRecord(IPAM, CUSTODY_KEY));
  const value = record && readEntry(new ByteReader(record), self).value;
  const custody = value && decodeCustody(value);
  const holds = custody !== undefined && custody.ranges.length + custody.grants.length > 0;
  return holds ? formatCidr(custody.division.universe) : undefined;
}

/** An address that this host has given to somebody and could not give out now. */
function strayAddress(universe: Cidr | undefined, records: Records): string | undefined {
  for (const [key, bytes] of records) {
    const found = decodeAllocation(key, bytes);
    if (found === undefined || (universe !== undefined && contains(universe, found.cidr.address))) continue;
    return found.cidr.address;
  }
  return undefined;
}
