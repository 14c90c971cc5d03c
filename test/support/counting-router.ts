/**
 * The router as in `src/daemon/main.ts`, but one that counts what gossip costs it, for benches. On the signal USR2 it prints a
 * line of JSON (`Counts`): all since the last one.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
// Not what the library exports, but what it makes: in a bundle the two are one.
import { GossipSub } from '../../node_modules/@chainsafe/libp2p-gossipsub/dist/src/gossipsub.js';
import { parseSettings } from '../../src/api/control/settings.ts';
import { describe } from '../../src/core/errors.ts';
import { createLog } from '../../src/daemon/log.ts';
import { openLogFile } from '../../src/daemon/log-file.ts';
import { startRouter } from '../../src/daemon/router.ts';

/** By message; times in milliseconds of the clock that all processes of a machine share. */
export interface Counts {
  /** Gossip that this router began, and when. */
  begun: Record<string, number>;
  /** Gossip that came: when for the first time, and how many copies. */
  heard: Record<string, { at: number; copies: number }>;
}

const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;
const nameOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 12);
const fresh = (): Counts => ({ begun: {}, heard: {} });
let counts = fresh();

// Private to TypeScript alone.
const gossip = GossipSub.prototype as unknown as {
  handleReceivedMessage(from: unknown, message: { data?: Uint8Array }): unknown;
};
const receive = gossip.handleReceivedMessage;
gossip.handleReceivedMessage = function handleReceivedMessage(from, message) {
  const name = nameOf(message.data ?? new Uint8Array());
  counts.heard[name] ??= { at: now(), copies: 0 };
  counts.heard[name].copies += 1;
  return receive.call(this, from, message);
};

process.on('SIGUSR2', () => {
  writeSync(1, `${JSON.stringify(counts)}\n`);
  counts = fresh();
});

const settings = parseSettings(process.argv.slice(2), {});
if (!settings.ok) throw new Error(describe(settings.problem));
const file = openLogFile('/var/lib/mesh/router.log');
const router = await startRouter({
  settings: settings.value,
  log: createLog({ level: 'info', write: line => file.write(line) }),
  after: effect => {
    if (effect.kind === 'broadcast') counts.begun[nameOf(effect.bytes)] = now();
  },
});
if (!router.ok) throw new Error(describe(router.problem));
await router.value.ending;
await router.value.stop();
process.exit(0);
