import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { get } from './answers.ts';

const POLL_MS = 50;
/** Longer than a router waits for those whom it knows before it goes on alone. */
const LONGEST_MS = 20_000;

/** Waits, as Weave does, until the router says that it is ready: it has heard the others, or knows that there are none. */
export async function awaitReady(context: Context): Promise<void> {
  const deadline = performance.now() + LONGEST_MS;
  while (performance.now() < deadline) {
    const answer = await get(context, '/status');
    if (answer.ok && answer.value.status === 200) return;
    await sleep(POLL_MS);
  }
}
