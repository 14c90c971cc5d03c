import { readFileSync } from 'node:fs';
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

/** Waits until nothing answers on the socket and, where a process is named, it is gone; false if that took too long. */
export async function awaitEnd(socket: string, pid: number | undefined, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while ((await ask(socket, 'health')).ok || (pid !== undefined && isAlive(pid))) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** A process that has ended but that nobody waited for (state Z) is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
