import type { RepairReply, RepairRequest } from '../api/control/contract.ts';
import { formatCidr } from '../core/address.ts';
import { ok, type Result } from '../core/errors.ts';
import type { Command, Reply } from '../core/host/step.ts';

/** `mesh ipam repair`: new addresses for those that containers here lost to others. */
export async function repairAddresses(
  ask: (command: Command) => Promise<Result<Reply>>,
  { dryRun = false }: RepairRequest,
): Promise<Result<RepairReply>> {
  const reply = await ask({ kind: 'repair', dryRun });
  if (!reply.ok) return reply;
  const repaired = (reply.value.repaired ?? []).map(({ before, after, ...rest }) => ({
    ...rest,
    before: formatCidr(before),
    after: after && formatCidr(after),
  }));
  return ok({ repaired });
}
