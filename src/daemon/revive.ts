import { describe } from '../core/errors.ts';
import type { EngineEndpoints } from '../ports/engine-endpoints.ts';
import type { Log } from '../ports/log.ts';

/**
 * Starts what an engine that booted without our drivers has given up on: such containers stay down for ever, whatever their
 * restart policy says.
 */
export async function revive(
  engine: Pick<EngineEndpoints, 'abandoned' | 'start'>,
  log: Pick<Log, 'info' | 'warn'>,
): Promise<void> {
  const found = await engine.abandoned();
  for (const { id, name } of found.ok ? found.value : []) {
    const started = await engine.start(id);
    if (started.ok) log.info('the engine had given up on a container; started it', { container: name });
    else
      log.warn('the engine has given up on a container', {
        container: name,
        why: describe(started.problem),
      });
  }
}
