import { ask } from '../src/api/control/client.ts';
import type { RemovedPeer } from '../src/api/control/contract.ts';
import { ok, type Result } from '../src/core/errors.ts';
import type { PeerLabel } from '../src/core/report.ts';
import type { Context } from './context.ts';

/** `mesh rmpeer [--force] PEER...`: says that peers are gone for good, and prints what becomes of their addresses. */
export async function rmpeer(
  context: Context,
  peers: readonly string[],
  force: boolean,
): Promise<Result<void>> {
  const reply = await ask(context.socket, 'rmpeer', { peers, force });
  if (!reply.ok) return reply;
  const { removed } = reply.value;
  context.print({ removed }, removed.map(line).join('\n'));
  return ok(undefined);
}

const show = ({ name, nickname }: PeerLabel): string => `${name}(${nickname})`;

function line({ peer, addresses, heir, waitsFor }: RemovedPeer): string {
  if (addresses === 0) return `${show(peer)} is removed; it held no addresses`;
  if (heir === undefined)
    return `${show(peer)} is removed; its ${addresses} IPs go to nobody: no other host gives out addresses of the same range`;
  const what = `${addresses} IPs of ${show(peer)} go to ${show(heir)}`;
  if (waitsFor.length === 0) return what;
  return `${what} once these have agreed: ${waitsFor.map(show).join(', ')}; one that is gone too has to be removed as well`;
}
