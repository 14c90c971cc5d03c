import type { KernelError } from '../libc.ts';
import type { NetlinkSocket, Request } from './socket.ts';

/** Measured: 400 requests for table entries take 7-11 ms, so half of it keeps each turn of the event loop short. */
const REQUESTS_A_TURN = 200;

/** Sends any number of requests, and lets the event loop run in between. Gives what was refused, in order. */
export async function sendAll(
  socket: NetlinkSocket,
  requests: Iterable<Request>,
): Promise<readonly KernelError[]> {
  const errors: KernelError[] = [];
  let batch: Request[] = [];
  const flush = (): void => {
    for (const { error } of socket.batch(batch)) errors.push(error);
    batch = [];
  };
  for (const request of requests) {
    batch.push(request);
    if (batch.length < REQUESTS_A_TURN) continue;
    flush();
    await new Promise(setImmediate);
  }
  flush();
  return errors;
}
