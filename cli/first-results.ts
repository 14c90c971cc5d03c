import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../src/api/control/client.ts';
import type { Problem } from '../src/core/errors.ts';
import type { PeerLabel, Report } from '../src/core/report.ts';

const POLL_MS = 30;

/** How the first attempt at one of the peers given ended; neither field while it is under way. */
export interface PeerResult {
  /** HOST:PORT as given. */
  readonly address: string;
  readonly peer: PeerLabel | undefined;
  readonly problem: Problem | undefined;
}

/** A peer counts as reached by whichever side dialled: it may have found us first. */
function resultOf(address: string, report: Report): PeerResult {
  const up = report.connections.filter(({ state }) => state === 'established' || state === 'pending');
  const named = report.peers.find(peer => peer.addresses.includes(address));
  const reached = up.find(
    ({ address: theirs, peer }) => theirs === address || (peer !== undefined && peer.id === named?.id),
  );
  const tried = report.connections.find(({ address: theirs }) => theirs === address);
  return { address, peer: reached?.peer, problem: reached === undefined ? tried?.problem : undefined };
}

/** Follows the router's first attempts until `enough` says so, or the time is over, or the router is gone. */
export async function followPeers(
  socket: string,
  addresses: readonly string[],
  timeoutMs: number,
  enough: (results: readonly PeerResult[]) => boolean,
): Promise<readonly PeerResult[]> {
  const deadline = performance.now() + timeoutMs;
  let results: readonly PeerResult[] = [];
  for (;;) {
    const reply = await ask(socket, 'report');
    if (!reply.ok) return results;
    results = addresses.map(address => resultOf(address, reply.value));
    if (enough(results) || performance.now() > deadline) return results;
    await sleep(POLL_MS);
  }
}
