import { fromNumber } from '../../src/core/address.ts';
import { CALM } from '../sim/settings.ts';
import { Simulation } from '../sim/simulation.ts';
import { isQuiet } from '../sim/verdict.ts';
import type { Figure } from './measure.ts';

const HOSTS = 6;
const APART_MS = 5 * 60_000;
const CHANGES = 600;
const LIMIT_MS = 1_000;
/** Virtual time is the same on every machine: seeds differ in delays and in when routers dial. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/**
 * Six hosts in two halves for five minutes, with 600 changes in each: the virtual time from the first connection
 * between the halves until all replicas are equal. Real core in the simulator; one-way delay 1 ms and 5 ms on average.
 */
export async function run(): Promise<readonly Figure[]> {
  const [ours, delays]: [number[], number[]] = [[], []];
  for (const seed of SEEDS) {
    const simulation = apart(seed);
    const linked = until(simulation, () => isJoined(simulation));
    const equal = until(simulation, () => isQuiet(simulation));
    ours.push(equal - linked);
    delays.push(2 * (simulation.settings.delayMs + simulation.settings.jitterMs));
  }
  const against = 'one round trip of the simulated underlay';
  const names = { bench: 'heal', unit: 'ms of virtual time', against };
  return [{ ...names, ours, theirs: delays, limited: 'value', limit: LIMIT_MS, must: 'at-most' }];
}

/** After the cut was mended, and before anybody has noticed. */
function apart(seed: number): Simulation {
  const settings = { ...CALM, seed, hosts: HOSTS, delayMs: 1, jitterMs: 5, syncMs: 3 };
  const simulation = new Simulation(settings, HOSTS);
  for (let index = 0; index < HOSTS; index++) simulation.add();
  const { machines, network } = simulation;
  for (const machine of machines) machine.start(machine.index === 0 ? [] : [machines[0]!.address]);
  simulation.run(10_000);
  const pairs = machines.flatMap(from =>
    machines.filter(to => half(from.index) !== half(to.index)).map(to => [from, to] as const),
  );
  for (const [from, to] of pairs) network.cut(from, to);
  for (let change = 0; change < CHANGES; change++) {
    for (const side of [0, 1])
      attachOrDetach(simulation, side * (HOSTS / 2) + (change % (HOSTS / 2)), change);
    simulation.run(APART_MS / CHANGES);
  }
  for (const [from, to] of pairs) network.mend(from, to);
  return simulation;
}

const half = (index: number): number => (index < HOSTS / 2 ? 0 : 1);

function attachOrDetach(simulation: Simulation, index: number, change: number): void {
  const machine = simulation.machines[index]!;
  const number = Math.floor(change / 2);
  const id = `box${index}-${number}.`;
  if (!machine.running.has(id)) machine.running.set(id, simulation.nextSandbox());
  const container = { id, name: id, sandbox: machine.running.get(id)! };
  const address = fromNumber(0x0a_00_00_01 + index * 4_096 + number);
  machine.command({ kind: 'attach', container, network: 'mesh', addresses: [{ address, prefix: 16 }] });
  const old = `box${index}-${number - HOSTS}.`;
  if (machine.running.delete(old)) {
    machine.command({ kind: 'detach', container: old, network: 'mesh', addresses: [] });
  }
}

const isJoined = ({ machines }: Simulation): boolean =>
  machines.some(machine =>
    [...machine.links.values()].some(({ ends: [a, b] }) => half(a.index) !== half(b.index)),
  );

function until(simulation: Simulation, condition: () => boolean): number {
  const end = simulation.now + 120_000;
  while (!condition()) if (!simulation.step(end)) throw new Error('the halves did not find each other');
  return simulation.now;
}
