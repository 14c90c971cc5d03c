/**
 * The router as in `src/daemon/main.ts`, but one that dies by SIGKILL in the middle of its work, for tests.
 *
 * MESH_FAULT: `effect N` dies after the Nth effect that others can notice, the first that concerns a container being the
 * first; `netlink N` after the Nth batch of requests to the kernel. MESH_FAULT_FROM: counts from the `start`, else from the
 * signal USR2, which it answers with the line `armed`. Its last words are `killed after WHAT`.
 */
import { writeSync } from 'node:fs';
import { NetlinkSocket } from '../../src/adapters/linux/netlink/socket.ts';
import { parseSettings } from '../../src/api/control/settings.ts';
import { describe } from '../../src/core/errors.ts';
import type { Effect } from '../../src/core/host/step.ts';
import { createLog } from '../../src/daemon/log.ts';
import { startRouter } from '../../src/daemon/router.ts';

const NOTICEABLE: ReadonlySet<Effect['kind']> = new Set([
  ...(['persist', 'broadcast', 'plumb', 'unplumb', 'forward', 'follow', 'reply'] as const),
]);

/** Where a command begins: what the router does by itself meanwhile is not counted. */
function concernsContainer(effect: Effect): boolean {
  if (effect.kind !== 'persist') return effect.kind === 'plumb' || effect.kind === 'unplumb';
  return [...effect.records.keys()].some(key => /^(attachment|own\/endpoints)\//.test(key));
}

const [kind, number] = (process.env['MESH_FAULT'] ?? '').split(' ');
const say = (line: string): void => void writeSync(1, `${line}\n`);
let armed = process.env['MESH_FAULT_FROM'] === 'start';
let begun = false;
let left = Number(number);
let lastDone = performance.now();

function count(of: 'effect' | 'netlink', what: string): void {
  if (!armed || kind !== of) return;
  left -= 1;
  if (left > 0) return;
  say(`killed after ${what}`);
  process.kill(process.pid, 'SIGKILL');
}

// A batch is one system call, so between two of them is the only place where the kernel can be left half-done.
const send = NetlinkSocket.prototype.batch;
NetlinkSocket.prototype.batch = function batch(requests) {
  const refusals = send.call(this, requests);
  if (requests.length > 0) count('netlink', requests[0]?.what ?? '');
  return refusals;
};

/** What a start brings with it is over when nothing was done for so long: else each run would count other things. */
const CALM_MS = 300;

process.on('SIGUSR2', () => {
  const arm = (): void => {
    if (performance.now() - lastDone < CALM_MS) {
      setTimeout(arm, CALM_MS / 4);
      return;
    }
    armed = true;
    say('armed');
  };
  arm();
});

const settings = parseSettings(process.argv.slice(2), {});
if (!settings.ok) throw new Error(describe(settings.problem));
const router = await startRouter({
  settings: settings.value,
  log: createLog({ level: 'info', write: line => void writeSync(1, line) }),
  after: effect => {
    if (NOTICEABLE.has(effect.kind)) lastDone = performance.now();
    begun ||= armed && concernsContainer(effect);
    if (begun && NOTICEABLE.has(effect.kind)) count('effect', effect.kind);
  },
});
if (!router.ok) throw new Error(describe(router.problem));
await router.value.ending;
await router.value.stop();
process.exit(0);
