import { addressesInside } from '../adapters/linux/inside.ts';
import type { Profile } from '../api/profile.ts';
import type { Cidr } from '../core/address.ts';
import { endpointOf, HOST_LEG, type Plumbed } from '../core/endpoints/attachment.ts';
import { describe, type Result } from '../core/errors.ts';
import { recordKey } from '../core/host/held.ts';
import type { Command, HostConfig, Reply } from '../core/host/step.ts';
import type { Log } from '../ports/log.ts';
import type { Containers } from './containers.ts';

export interface RecoveryParts {
  readonly profile: Profile;
  readonly records: HostConfig['records'];
  readonly containers: Pick<Containers, 'inspect'>;
  readonly log: Log;
  ask(command: Command): Promise<Result<Reply>>;
  unplumb(network: string, container: string): Promise<void>;
}

/** Of what an earlier router left in the switch: what is not known any more, but has addresses all the same. */
export function orphansIn(
  plumbed: readonly Plumbed[],
  { profile, records }: Pick<RecoveryParts, 'profile' | 'records'>,
): readonly Plumbed[] {
  if (!profile.recovers) return [];
  return plumbed.filter(
    one => one.container !== HOST_LEG && endpointOf(one) === undefined && !records.has(recordKey(one)),
  );
}

/** Attaches them as they are: what they can't have any more, they lose. */
export async function recover(orphans: readonly Plumbed[], parts: RecoveryParts): Promise<void> {
  await Promise.all(orphans.map(orphan => recoverOne(orphan, parts)));
}

async function recoverOne(
  { network, container: id, mac }: Plumbed,
  { ask, containers, log, profile, unplumb }: RecoveryParts,
): Promise<void> {
  const container = await containers.inspect(id);
  const addresses = container.ok ? addressesOf(container.value.sandbox, profile.device) : [];
  const attached =
    container.ok && addresses.length > 0
      ? await ask({ kind: 'attach', container: container.value, network, addresses, mac })
      : container;
  if (attached.ok && addresses.length > 0)
    return log.info('what was attached is taken over', { container: id });
  log.warn('what was attached is detached', {
    container: id,
    why: attached.ok ? 'it has no addresses' : describe(attached.problem),
  });
  await unplumb(network, id);
}

/** None where it has ended meanwhile. */
function addressesOf(sandbox: string, device: string): readonly Cidr[] {
  try {
    return addressesInside(sandbox, device);
  } catch {
    return [];
  }
}
