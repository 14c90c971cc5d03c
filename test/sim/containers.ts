import type { Random } from '../../src/core/host/random.ts';
import type { SimulatedMachine } from './machine.ts';
import type { Simulation } from './simulation.ts';

/** Acts at random times, on average `everyMs` apart, until it is stopped. */
export class Impulses {
  readonly #simulation: Simulation;
  readonly #act: (machine: SimulatedMachine) => void;
  stopped = false;

  constructor(simulation: Simulation, act: (machine: SimulatedMachine) => void) {
    this.#simulation = simulation;
    this.#act = act;
  }

  start(machine: SimulatedMachine): void {
    const { random, settings } = this.#simulation;
    const wait = -settings.wishEveryMs * Math.log(1 - random.users.fraction());
    this.#simulation.after(wait, () => {
      if (this.stopped) return;
      this.#act(machine);
      this.start(machine);
    });
  }
}

/** What containers users have: a few on each machine. */
export class Containers {
  readonly #simulation: Simulation;
  readonly #random: Random;
  readonly #limit: number;
  /** How often one that is there is taken where there is room for another. */
  readonly #reuse: number;
  #count = 0;

  constructor(simulation: Simulation, limit: number, reuse: number) {
    this.#simulation = simulation;
    this.#random = simulation.random.users;
    this.#limit = limit;
    this.#reuse = reuse;
  }

  /** One that runs, or a new one; nothing where all are stopped. */
  running(machine: SimulatedMachine): { readonly id: string; readonly sandbox: string } | undefined {
    const known = [...machine.running.keys()];
    const isFull = known.length + machine.stopped.size >= this.#limit;
    if (known.length > 0 && (isFull || this.#random.fraction() < this.#reuse)) {
      const id = this.#random.pick(known)!;
      return { id, sandbox: machine.running.get(id)! };
    }
    if (isFull) return undefined;
    this.#count += 1;
    // None is the beginning of another: that would name it too.
    const id = `box${this.#count}.`;
    const sandbox = this.#simulation.nextSandbox();
    machine.running.set(id, sandbox);
    return { id, sandbox };
  }

  any(machine: SimulatedMachine): string | undefined {
    return this.#random.pick([...machine.running.keys(), ...machine.stopped]);
  }

  remove(machine: SimulatedMachine, id: string): void {
    machine.stopped.delete(id);
    this.#simulation.saw('container removed');
  }

  restart(machine: SimulatedMachine, id: string): void {
    machine.stopped.delete(id);
    machine.running.set(id, this.#simulation.nextSandbox());
    this.#simulation.saw('container restarted');
  }
}
