import type { KernelError } from '../libc.ts';
import type { NetlinkSocket, Request } from './socket.ts';

/** Measured: 400 requests for table entries take 7-11 ms, so half of it keeps each turn of the event loop short. */
const REQUESTS_A_TURN = 200;

/** Sends any number of requests, and lets the event loop run in between. Gives what was refused, in order. */
export async function sendAll(
  socket: NetlinkSocket,
  requests: readonly Request[],
): Promise<readonly KernelError[]> {
  const errors: KernelError[] = [];
  for (let start = 0; start < requests.length; start += REQUESTS_A_TURN) {
    if (start > 0) await new Promise(setImmediate);
    const refused = socket.batch(requests.slice(start, start + REQUESTS_A_TURN));
    for (const { error } of refused) errors.push(error);
  }
  return errors;
}
