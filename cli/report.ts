import { ask } from '../src/api/control/client.ts';
import { ok, type Result } from '../src/core/errors.ts';
import type { Context } from './context.ts';

/** `mesh report`: JSON with and without `--json`. */
export async function report(context: Context): Promise<Result<void>> {
  const reply = await ask(context.socket, 'report');
  if (!reply.ok) return reply;
  context.print(reply.value, JSON.stringify(reply.value, undefined, 2));
  return ok(undefined);
}
