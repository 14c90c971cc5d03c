import { existsSync } from 'node:fs';
import { createLinuxDataplane } from '../adapters/linux/dataplane.ts';
import { ask } from '../api/control/client.ts';
import type { Settings } from '../api/control/options.ts';
import { controlSocket } from '../api/control/settings.ts';
import type { Problem } from '../core/errors.ts';
import type { Log } from '../ports/log.ts';

/** Removes the switch, the rules and every container's interface. Refuses while a router runs. */
export async function clean({ runDir }: Settings, log: Log): Promise<Problem | undefined> {
  if (!existsSync(runDir)) return undefined;
  const alive = await ask(controlSocket(runDir), 'health');
  if (alive.ok) return { code: 'router-running', how: `process ${alive.value.pid}` };
  await createLinuxDataplane({ runDir, log }).remove();
  return undefined;
}
