import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until `attempt` gives something; throws after `timeoutMs`, with what `describe` says. */
export async function until<Value>(
  attempt: () => Promise<Value | undefined> | Value | undefined,
  describe: () => string,
  timeoutMs = 30_000,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await attempt();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${describe()}`);
    await sleep(20);
  }
}
