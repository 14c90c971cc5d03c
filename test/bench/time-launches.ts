/**
 * Starts a router again and again, each time with nothing on disk or in the kernel, and tells how long it took, as
 * JSON. Runs in a host. usage: time-launches.ts ROUNDS PEER
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../../src/api/control/client.ts';

/** Milliseconds. */
export interface Launched {
  /** Until a peer was connected. */
  readonly connected: number;
  /** What the router said on its way there, and how long each took. */
  readonly pieces: Readonly<Record<string, number>>;
  /** An empty process of node just before. */
  readonly empty: number;
}

const DAEMON = join(import.meta.dirname, '../../dist/daemon.js');
const STATE = '/var/lib/mesh/bench';
const RUN = '/run/mesh-bench';
const SOCKET = join(RUN, 'mesh.sock');
const FLAGS = [`--state-dir=${STATE}`, `--run-dir=${RUN}`];
const POLL_MS = 5;
const DEADLINE_MS = 10_000;

/** What a router logs when a piece of its start is done. */
const PIECES: Readonly<Record<string, string>> = {
  import: 'router starts',
  store: 'store opened',
  identity: 'identity known',
  listen: 'listening',
  dataplane: 'data plane ready',
  control: 'router started',
};

function timeEmpty(): number {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
}

async function launch(peer: string): Promise<Launched> {
  const empty = timeEmpty();
  const [began, started] = [Date.now(), performance.now()];
  const router = spawn(process.execPath, [DAEMON, ...FLAGS, '--log-level=debug', `${peer}:6783`]);
  const ended = once(router, 'exit');
  let said = '';
  router.stdout.on('data', text => {
    said += text;
  });
  for (;;) {
    await sleep(POLL_MS);
    const report = await ask(SOCKET, 'report');
    if (report.ok && report.value.connections.some(({ peer }) => peer !== undefined)) break;
    if (performance.now() - started > DEADLINE_MS) throw new Error(`no connection; the router said: ${said}`);
  }
  const connected = performance.now() - started;
  const pieces = piecesOf(said, began, connected);
  await ask(SOCKET, 'leave');
  router.kill('SIGTERM');
  await ended;
  spawnSync(process.execPath, [DAEMON, '--clean', ...FLAGS]);
  rmSync(STATE, { recursive: true });
  return { connected, pieces, empty };
}

function piecesOf(said: string, began: number, connected: number): Readonly<Record<string, number>> {
  const pieces: Record<string, number> = {};
  let last = began;
  for (const [piece, sentence] of Object.entries(PIECES)) {
    const line = said.split('\n').find(candidate => candidate.includes(sentence));
    if (line === undefined) throw new Error(`the router did not say "${sentence}": ${said}`);
    const time = Date.parse(line.split(' ')[0] ?? '');
    pieces[piece] = time - last;
    last = time;
  }
  return { ...pieces, dial: began + connected - last };
}

const [, , rounds, peer = ''] = process.argv;
const launches: Launched[] = [];
for (let round = 0; round <= Number(rounds); round += 1) launches.push(await launch(peer));
// The first one warmed up the file cache.
console.log(JSON.stringify(launches.slice(1)));
