import type { Counters } from './counters.ts';
import type { Faults } from './faults.ts';
import type { SimulatedMachine } from './machine.ts';
import type { Settings } from './settings.ts';
import { Simulation } from './simulation.ts';
import { isQuiet, livingIn } from './verdict.ts';
import { Violation } from './watch.ts';

/** After everything works again, all must be equal within this. */
const CONVERGED_WITHIN_MS = 120_000;
const POLL_MS = 250;
/** So many events in one second of virtual time, for each host and for each pair of them, are a storm. */
const STORM_PER_HOST = 6_000;
const STORM_PER_PAIR = 400;

export interface Trial<Kind extends Settings = Settings> {
  readonly settings: Kind;
  /** What was violated; undefined where nothing was. */
  readonly violation: string | undefined;
  readonly trace: number;
  readonly events: number;
  /** Virtual time that all hosts ran together. */
  readonly hostHours: number;
  /** How long after everything worked again all hosts were equal. */
  readonly convergedMs: number | undefined;
  readonly counters: Counters;
}

/** Who takes part in a run, beside the machines. */
export interface Cast {
  readonly faults: Faults;
  readonly users: {
    start(machine: SimulatedMachine): void;
    stop(): void;
  };
  /** So long all has to stay equal. */
  readonly quietMs: number;
  /** Of whom a machine is told at first, in the place of `drawn`. */
  targetOf?(index: number, drawn: SimulatedMachine | undefined): SimulatedMachine | undefined;
  /** Throws a `Violation` where something is not as it should be when all is quiet. */
  judge(): void;
}

/** Runs one seed: faults with checks after every event, then everything works again, then the verdict. */
export function perform<Kind extends Settings>(
  settings: Kind,
  castIn: (simulation: Simulation) => Cast,
): Trial<Kind> {
  const simulation = new Simulation(settings, 2 * settings.hosts + 1);
  let convergedMs: number | undefined;
  let violation: string | undefined;
  try {
    convergedMs = play(simulation, castIn(simulation));
  } catch (error) {
    violation = error instanceof Violation ? error.message : String((error as Error).stack);
  }
  return {
    settings,
    violation,
    trace: simulation.trace,
    events: simulation.events,
    hostHours: (simulation.now * settings.hosts) / 3_600_000,
    convergedMs,
    counters: simulation.counters,
  };
}

function play(simulation: Simulation, cast: Cast): number {
  const { settings } = simulation;
  const { faults, users } = cast;
  for (let index = 0; index < settings.hosts; index++) {
    const machine = simulation.add();
    // Everybody is told of one other: a line of hosts at first.
    const drawn = simulation.machines[Math.floor(simulation.random.faults.fraction() * index)];
    const target = cast.targetOf === undefined ? drawn : cast.targetOf(index, drawn);
    simulation.after(index * 40 * simulation.random.faults.fraction(), () => {
      machine.start(target === undefined || target === machine ? [] : [target.address]);
      users.start(machine);
    });
  }
  simulation.after(0, () => faults.start());
  for (let second = 0; second < settings.minutes * 60; second++) runFor(simulation, 1_000);
  faults.heal();
  users.stop();
  const convergedMs = settle(simulation);
  faults.handLater();
  runFor(simulation, cast.quietMs);
  // A connection that comes only now is told of, and soon known to all.
  settle(simulation);
  cast.judge();
  return convergedMs;
}

/** Runs until all are equal; gives how long that took. */
function settle(simulation: Simulation): number {
  const from = simulation.now;
  while (!isQuiet(simulation)) {
    if (simulation.now - from > CONVERGED_WITHIN_MS) throw new Violation(describeUnrest(simulation));
    runFor(simulation, POLL_MS);
  }
  return simulation.now - from;
}

function runFor(simulation: Simulation, duration: number): void {
  const hosts = simulation.machines.length;
  const budget = simulation.events + STORM_PER_HOST * hosts + STORM_PER_PAIR * hosts * hosts;
  const end = simulation.now + duration;
  while (simulation.step(end)) {
    if (simulation.events > budget)
      throw new Violation(`${Math.round(simulation.now)} ms: a storm of events`);
  }
}

function describeUnrest(simulation: Simulation): string {
  const lines = livingIn(simulation).map(({ host, index, links, queued }) => {
    const { facts, state } = host!;
    return `host ${index + 1}: ${state}, ${links.size} neighbours, ${facts.owners().length} owners, fingerprint ${facts.fingerprint()}, ${queued} effects wait`;
  });
  return `not equal within ${CONVERGED_WITHIN_MS / 1000} s after the last fault:\n${lines.join('\n')}`;
}
