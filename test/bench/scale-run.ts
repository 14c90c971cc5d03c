import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { fromNumber, type PeerId } from '../../src/core/address.ts';
import { ENDPOINTS } from '../../src/core/endpoints/endpoint.ts';
import { createRandom } from '../../src/core/host/random.ts';
import type { Delta } from '../../src/core/replica.ts';
import { encodeMessage, splitDeltas } from '../../src/core/wire.ts';
import type { SimulatedMachine } from '../sim/machine.ts';
import { CALM } from '../sim/settings.ts';
import { Simulation } from '../sim/simulation.ts';
import type { Watch } from '../sim/watch.ts';
import type { State, Told } from './scale-state.ts';

/** How far one round of attaching got, and what it cost. */
export interface Spread {
  /** Until every host knew of every endpoint. */
  readonly ms: number;
  /** The least that the delays of the network allow, on average. */
  readonly floorMs: number;
  /** Copies sent and their bytes, a host. */
  readonly messages: number;
  readonly bytes: number;
}

export interface Scale {
  readonly lossless: Spread;
  readonly lossy: Spread;
  readonly stateMb: number;
}

const DIALS = 4;
const ALONE_MS = 3_500;
const SETTLE_MS = 2_000;
const SETTLE_WITHIN_MS = 60_000;
const SPREAD_WITHIN_MS = 60_000;
const MESSAGE_BYTES = 1_024 * 1_024;
const FIRST_ADDRESS = 0x0a_00_00_01;

const hosts = Number(process.argv[2]);
const simulation = new Simulation({ ...CALM, seed: 1, hosts, delayMs: 1, spreadMs: 19, syncMs: 3 }, hosts);
const known = new Int32Array(hosts);
let lastKnown = 0;
const ignore = (): void => {};
const watch: Watch = {
  starting: ignore,
  stepped: ignore,
  durable: ignore,
  telling: ignore,
  arriving: ignore,
  applied: ignore,
  replied: ignore,
  halted: ignore,
  logged: ignore,
  hangingUp: (machine, reason) => say(`host ${machine.index} hangs up: ${reason}`),
  changed({ index }, { domain, now }) {
    if (domain !== ENDPOINTS || now === undefined) return;
    known[index] = known[index]! + 1;
    lastKnown = simulation.now;
  },
};
simulation.watch = watch;

function say(line: string): void {
  const { rss } = process.memoryUsage();
  process.stderr.write(`${Math.round(simulation.now)} ms, ${Math.round(rss / 2 ** 20)} MiB: ${line}\n`);
}

/**
 * Every host dials four others and hears nothing, so it writes of itself alone; then all are handed what the others
 * wrote. Joining one after the other would come to the same, in hours.
 */
function form(): void {
  const random = createRandom(1);
  simulation.network.loss = 1;
  for (let index = 0; index < hosts; index++) simulation.add();
  for (const machine of simulation.machines) {
    const others = Array.from({ length: DIALS }, () => random.pick(simulation.machines)!);
    machine.start(others.filter(other => other !== machine).map(({ address }) => address));
  }
  simulation.run(ALONE_MS);
  const messages = everything();
  simulation.network.loss = 0;
  for (const machine of simulation.machines) {
    const [from] = machine.links.keys();
    for (const bytes of messages) machine.deliver({ kind: 'message', from: from!, bytes });
  }
  say(`all handed round in ${messages.length} messages`);
  settle();
}

/** What all have written, as a newcomer is told it. */
function everything(): readonly Uint8Array[] {
  const parts = splitDeltas(simulation.machines.map(ownFacts), MESSAGE_BYTES);
  return parts.map(deltas => encodeMessage({ kind: 'deltas', deltas, reply: false }));
}

function ownFacts({ host, peer }: SimulatedMachine): Delta {
  const head = host!.facts.head(peer)!;
  const entries = [...host!.facts.ofOwner(peer)].sort((a, b) => a.seq - b.seq);
  return { head, after: 0, through: head.upto, snapshot: true, entries };
}

const isEqual = (): boolean =>
  new Set(simulation.machines.map(({ host }) => host!.facts.fingerprint())).size === 1;

/** Until all hold the same, and still do after a while: paths are measured, and what came of it has been told. */
function settle(): void {
  const end = simulation.now + SETTLE_WITHIN_MS;
  for (let equal = 0; equal < SETTLE_MS; ) {
    if (simulation.now > end) throw new Error('the mesh does not come to rest');
    simulation.run(250);
    equal = isEqual() ? equal + 250 : 0;
  }
  say('at rest');
}

/** One more container on every host, at the same moment. */
function spread(round: number, loss: number): Spread {
  const { machines, network } = simulation;
  known.fill(0);
  network.loss = loss;
  const from = { at: simulation.now, copies: network.copies, bytes: network.bytes };
  for (const machine of machines) {
    const id = `box${round}.`;
    const sandbox = simulation.nextSandbox();
    machine.running.set(id, sandbox);
    const address = fromNumber(FIRST_ADDRESS + round * 0x10000 + machine.index);
    const container = { id, name: id, sandbox };
    machine.command({ kind: 'attach', container, network: 'mesh', addresses: [{ address, prefix: 8 }] });
  }
  while (known.some(count => count < hosts)) {
    if (simulation.now - from.at > SPREAD_WITHIN_MS) throw new Error('not everybody knows of every endpoint');
    simulation.run(10);
  }
  const messages = Math.round((network.copies - from.copies) / hosts);
  const bytes = Math.round((network.bytes - from.bytes) / hosts);
  const result = { ms: lastKnown - from.at, floorMs: longestWay() * 10.5, messages, bytes };
  say(`${JSON.stringify(result)} at ${loss * 100} % loss`);
  network.loss = 0;
  return result;
}

/** Connections between the two hosts that are furthest apart, as seen from the first. */
function longestWay(): number {
  const seen = new Set<SimulatedMachine>([simulation.machines[0]!]);
  let ring = [...seen];
  for (let steps = 0; ; steps++) {
    const next = ring.flatMap(({ links }) => [...links.values()].flatMap(({ ends }) => ends));
    ring = [...new Set(next.filter(machine => !seen.has(machine)))];
    if (ring.length === 0) return steps;
    for (const machine of ring) seen.add(machine);
  }
}

/** What one router holds, in MB. Here the routers share what they were told; that one doesn't. */
async function stateOf(messages: readonly Uint8Array[]): Promise<number> {
  const [first] = simulation.machines;
  const { crypto: _crypto, decode: _decode, ...config } = first!.config([]);
  const self = '12D3KooWnewcomer' as PeerId;
  const workerData: Told = { config: { ...config, self, records: new Map() }, from: first!.peer, messages };
  const worker = new Worker(new URL('./scale-state.ts', import.meta.url), { workerData });
  const [state] = (await once(worker, 'message')) as [State];
  if (state.owners < hosts) throw new Error(`the newcomer knows of ${state.owners} of ${hosts} hosts`);
  return Number((state.bytes / 1e6).toFixed(1));
}

form();
const lossless = spread(1, 0);
settle();
const lossy = spread(2, 0.2);
const result: Scale = { lossless, lossy, stateMb: await stateOf(everything()) };
process.stdout.write(`${JSON.stringify(result)}\n`);
