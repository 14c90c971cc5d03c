import type { MessagePort } from 'node:worker_threads';
import { Inbound } from './inbound.ts';
import { Outbound } from './outbound.ts';
import type { ThreadStart } from './peers.ts';

/** One direction; comes back when it is told to stop. */
export function runSleeveThread(port: MessagePort, start: ThreadStart): void {
  const loop = start.direction === 'out' ? new Outbound(start) : new Inbound(start);
  loop.run(port);
}
