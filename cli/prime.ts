import { ask } from '../src/api/control/client.ts';
import { ok, type Result } from '../src/core/errors.ts';
import type { Context } from './context.ts';

/** `mesh prime`: returns when this host can give out addresses; says nothing then, as Weave has it. */
export async function prime(context: Context): Promise<Result<void>> {
  const reply = await ask(context.socket, 'prime');
  if (!reply.ok) return reply;
  context.print({ primed: true }, '');
  return ok(undefined);
}
