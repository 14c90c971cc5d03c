import { ask } from '../src/api/control/client.ts';
import { OPTIONS } from '../src/api/control/options.ts';
import { parsePeers } from '../src/api/control/peer.ts';
import { ok, type Result } from '../src/core/errors.ts';
import type { Context } from './context.ts';

/** Only the router knows its own port, which is the default one of a peer: peers are checked here, and sent as given. */
const check = (peers: readonly string[]): Result<string[]> => parsePeers(peers, OPTIONS.port.initial);

/** `mesh connect [--replace] PEER...` */
export async function connect(
  context: Context,
  peers: readonly string[],
  replace: boolean,
): Promise<Result<void>> {
  const checked = check(peers);
  if (!checked.ok) return checked;
  const reply = await ask(context.socket, 'connect', { peers, replace });
  if (reply.ok) context.print({ peers, replace }, '');
  return reply.ok ? ok(undefined) : reply;
}

/** `mesh forget PEER...` */
export async function forget(context: Context, peers: readonly string[]): Promise<Result<void>> {
  const checked = check(peers);
  if (!checked.ok) return checked;
  const reply = await ask(context.socket, 'forget', { peers });
  if (reply.ok) context.print({ peers }, '');
  return reply.ok ? ok(undefined) : reply;
}
