import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from '../adapters/libp2p/identity.ts';
import type { Settings } from '../api/control/options.ts';
import type { PeerId } from '../core/address.ts';
import { ByteReader } from '../core/bytes.ts';
import { describe, ok, type Problem, type Result } from '../core/errors.ts';
import { isRestart } from '../core/host/dialling.ts';
import { hasLeft, othersRecords, ownRecord, personalRecords } from '../core/host/durability.ts';
import type { HostConfig, IpamConfig } from '../core/host/step.ts';
import { readEntry } from '../core/replica/encoding.ts';
import { decodeHost, HOST_KEY, TOPOLOGY } from '../core/topology/facts.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import { IDENTITY_FILE, loadIdentity } from './identity.ts';
import { ipamConfig } from './ipam.ts';

type Records = HostConfig['records'];

/** As whom this host takes part, and what it knows of before. */
export interface Admitted {
  readonly identity: Identity;
  readonly ipam: IpamConfig | undefined;
  readonly records: Records;
}

/** What is given out anew after these was given out before, or can't be any more. */
const OUTGROWN: ReadonlySet<Problem['code']> = new Set(['range-changed', 'address-stray']);

/** Who this host is, by what it has stored. Refuses as `loadIdentity` and `ipamConfig`. */
export async function admit(
  settings: Settings,
  store: Store,
  stored: Records,
  log: Log,
): Promise<Result<Admitted>> {
  const isNobody = !existsSync(join(settings.stateDir, IDENTITY_FILE));
  const gone = [
    ...(hasLeft(stored) ? stored.keys() : isNobody ? personalRecords(stored) : []),
    ...(isAlone(settings, stored) ? othersRecords(stored) : []),
  ];
  const records = await without(store, stored, gone);
  const identity = await loadIdentity(settings.stateDir, records.size > 0, log);
  if (!identity.ok) return identity;
  const ipam = ipamConfig(settings, identity.value.id, records);
  const { beginsAnew } = settings.profile;
  const isOutgrown = !ipam.ok && OUTGROWN.has(ipam.problem.code);
  if (beginsAnew && (isOutgrown || isRenamed(settings, identity.value.id, records))) {
    log.warn('this host begins anew, as somebody else', {
      why: ipam.ok ? 'it has another name' : describe(ipam.problem),
    });
    return admit(settings, store, await without(store, records, [...records.keys()]), log);
  }
  return ipam.ok ? ok({ identity: identity.value, ipam: ipam.value, records }) : ipam;
}

/**
 * A host that has left the mesh begins as somebody new, with nothing of what it was; one whose identity is lost, without what
 * that had said and given out.
 */
async function without(store: Store, records: Records, gone: readonly string[]): Promise<Records> {
  if (gone.length === 0) return records;
  await store.commit(new Map(gone.map(key => [key, undefined])));
  return new Map([...records].filter(([key]) => !gone.includes(key)));
}

/** Whether it was launched to be found by others, who tell it then what it knew of them. */
function isAlone({ launchId, peers, profile, resume }: Settings, records: Records): boolean {
  return profile.beginsAlone && peers.length === 0 && !resume && !isRestart({ launchId, records });
}

/** Whether it was told another name than it had. */
function isRenamed({ name }: Settings, self: PeerId, records: Records): boolean {
  const record = records.get(ownRecord(TOPOLOGY, HOST_KEY));
  const value = record && readEntry(new ByteReader(record), self).value;
  const before = value && decodeHost(value);
  return name !== undefined && before !== undefined && before.name !== name;
}
