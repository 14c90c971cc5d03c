import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRawPeer } from '../support/raw-peer.ts';
import { subscriptions } from '../support/rpc.ts';
import { until } from '../support/until.ts';
import type { Figure } from './measure.ts';

const ROUNDS = 10;
const QUIET_MS = 1_000;
/** How long an event loop stands still on a quiet machine at most. */
const QUIET_STALL_MS = 10;
const VICTIM = '127.81.0.1:6783';
/** What gossipsub's own decoder of old took 1.7 to 3.8 s and 51 MB for. */
const RPC = subscriptions(349_525);
const MIB = 1024 * 1024;

interface State {
  readonly stall: number;
  readonly heap: number;
}

/** One RPC with 349,525 subscriptions from a new peer each round, against the same time without. */
export async function run(): Promise<readonly Figure[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'flood-victim.ts'), VICTIM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ask = async (): Promise<State> => {
    child.stdin.write('\n');
    return JSON.parse((await lines.next()).value ?? '{}') as State;
  };
  try {
    await lines.next();
    await attackOnce(0);
    const stalls: number[] = [];
    const quiet: number[] = [];
    const heaps: number[] = [];
    const { heap: before } = await ask();
    for (let round = 1; round <= ROUNDS; round++) {
      await ask();
      await sleep(QUIET_MS);
      quiet.push(Math.max(0.1, (await ask()).stall));
      await attackOnce(round);
      const { stall, heap } = await ask();
      stalls.push(stall);
      heaps.push(Math.max(0, heap - before) / MIB);
    }
    const common = { must: 'at-most', limited: 'value', percentile: 100 } as const;
    return [
      {
        ...common,
        bench: 'flood-stall',
        unit: 'ms',
        ours: stalls,
        theirs: quiet,
        against: 'the same loop unharmed',
        limit: 50,
        control: QUIET_STALL_MS,
      },
      {
        ...common,
        bench: 'flood-heap',
        unit: 'MiB',
        ours: heaps,
        theirs: heaps.map(() => before / MIB),
        against: 'the heap before',
        limit: 16,
      },
    ];
  } finally {
    child.kill();
  }
}

/** Sends the RPC as somebody new, and waits until the victim has hung up. */
async function attackOnce(round: number): Promise<void> {
  const peer = await createRawPeer(`127.81.1.${round + 1}:6783`);
  const connection = await peer.dial(VICTIM);
  const gossip = await connection.newStream('/meshsub/1.2.0');
  gossip.send(RPC);
  await until(
    () => connection.status !== 'open' || undefined,
    () => 'the victim hangs up',
  );
  await peer.node.stop();
}
