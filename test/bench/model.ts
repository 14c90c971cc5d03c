import { fromNumber } from '../../src/core/address.ts';
import { CALM } from '../sim/settings.ts';
import { Simulation } from '../sim/simulation.ts';

/** What the simulator's gossip does with broadcasts in a mesh of so many hosts. */
export interface GossipModel {
  /** Copies that a host gets of one broadcast, on average over the hosts. */
  readonly copies: readonly number[];
  /** Virtual time until the last host has it, in milliseconds. */
  readonly lastMs: readonly number[];
}

const FORM_MS = 60_000;
const LIMIT_MS = 1_000;
/** Of a broadcast nothing is under way so long after the last host has had it. */
const AFTER_MS = 50;

/** Real core in virtual time; one-way delay 0.2 ms and 1 ms on average. */
export function gossipModel(hosts: number, broadcasts: number): GossipModel {
  const simulation = new Simulation({ ...CALM, seed: 1, hosts, delayMs: 0.2, jitterMs: 1, syncMs: 1 }, hosts);
  for (let index = 0; index < hosts; index++) simulation.add();
  const { machines, network } = simulation;
  for (const machine of machines) machine.start(machine.index === 0 ? [] : [machines[0]!.address]);
  simulation.run(FORM_MS);
  let sends = 0;
  let begun: number | undefined;
  const nothing = (): void => {};
  simulation.watch = {
    ...{ starting: nothing, changed: nothing, durable: nothing, telling: nothing, arriving: nothing },
    ...{ applied: nothing, replied: nothing, hangingUp: nothing, halted: nothing, logged: nothing },
    stepped: (_machine, _input, effects) => {
      sends += effects.filter(({ kind }) => kind === 'send').length;
      if (effects.some(({ kind }) => kind === 'broadcast')) begun ??= simulation.now;
    },
  };
  const [copies, lastMs]: [number[], number[]] = [[], []];
  for (let index = 0; index < broadcasts; index++) {
    const machine = machines[index % hosts]!;
    const id = `box${index}.`;
    const sandbox = simulation.nextSandbox();
    machine.running.set(id, sandbox);
    const address = fromNumber(0x0a_00_01_01 + index);
    const before = network.copies;
    sends = 0;
    begun = undefined;
    machine.command({
      kind: 'attach',
      container: { id, name: id, sandbox },
      network: 'mesh',
      addresses: [{ address, prefix: 16 }],
    });
    const end = simulation.now + LIMIT_MS;
    const has = () =>
      machines.every(({ host }) => host?.facts.fingerprint() === machine.host?.facts.fingerprint());
    while (begun === undefined || !has())
      if (!simulation.step(end)) throw new Error(`broadcast ${index} did not get to all`);
    lastMs.push(simulation.now - begun);
    simulation.run(AFTER_MS);
    copies.push((network.copies - before - sends) / (hosts - 1));
  }
  return { copies, lastMs };
}
