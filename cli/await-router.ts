import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../src/api/control/client.ts';
import type { Health } from '../src/api/control/contract.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';

const POLL_MS = 15;
const START_TIMEOUT_MS = 30_000;

/** Waits until a router answers; `died` tells why that will not come to pass. Refuses with `router-died`. */
export async function awaitRouter(
  socket: string,
  died: () => Promise<string | undefined>,
): Promise<Result<Health>> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const health = await ask(socket, 'health');
    if (health.ok) return ok(health.value);
    const why = await died();
    if (why !== undefined) return refuse({ code: 'router-died', why });
    if (performance.now() > deadline) {
      return refuse({ code: 'router-died', why: `it did not answer within ${START_TIMEOUT_MS / 1000} s` });
    }
    await sleep(POLL_MS);
  }
}

/** Waits until nothing answers on the socket any more; false where that took too long. */
export async function awaitSilence(socket: string, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while ((await ask(socket, 'health')).ok) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
