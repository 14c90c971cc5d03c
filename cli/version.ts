import { ask } from '../src/api/control/client.ts';
import { version } from '../src/api/control/version.ts';
import { ok, type Result } from '../src/core/errors.ts';
import type { Context } from './context.ts';

/** `mesh version`: of the command, and of the router where one answers. The two differ during an upgrade. */
export async function showVersion(context: Context): Promise<Result<void>> {
  const health = await ask(context.socket, 'health');
  const router = health.ok ? health.value.version : undefined;
  const command = version();
  context.print(
    { command, router },
    router === undefined ? `mesh ${command}` : `mesh ${command}\nrouter ${router}`,
  );
  return ok(undefined);
}
