import { ask } from '../../src/api/control/client.ts';
import { ok, type Result } from '../../src/core/errors.ts';
import type { Context } from '../context.ts';

/** `weave rmpeer PEER...`: how many addresses others have now; may be typed on any host, and again. */
export async function removePeers(context: Context, peers: readonly string[]): Promise<Result<void>> {
  for (const peer of peers) {
    const reply = await ask(context.socket, 'rmpeer', { peers: [peer] });
    if (!reply.ok) return reply;
    const count = reply.value.removed.reduce((sum, { addresses }) => sum + addresses, 0);
    context.print(count, `${count} IPs taken over from ${peer}`);
  }
  return ok(undefined);
}
