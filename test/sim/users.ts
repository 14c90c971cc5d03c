import { type Cidr, fromNumber } from '../../src/core/address.ts';
import type { Random } from '../../src/core/host/random.ts';
import { Containers, Impulses } from './containers.ts';
import type { SimulatedMachine } from './machine.ts';
import type { Simulation } from './simulation.ts';

const FIRST_ADDRESS = 0x0a_00_00_01;
const CONTAINERS_MAX = 6;
const CHURN = 40;

export interface UsersListener {
  /** A container is gone for good. */
  removed(machine: SimulatedMachine, container: string): void;
}

/** What people do on the hosts: containers, addresses that collide, targets. */
export class Users {
  readonly #simulation: Simulation;
  readonly #random: Random;
  readonly #listener: UsersListener;
  readonly #impulses: Impulses;
  readonly #containers: Containers;

  constructor(simulation: Simulation, listener: UsersListener) {
    this.#simulation = simulation;
    this.#random = simulation.random.users;
    this.#listener = listener;
    this.#impulses = new Impulses(simulation, machine => this.#wish(machine));
    this.#containers = new Containers(simulation, CONTAINERS_MAX, 0.5);
  }

  start(machine: SimulatedMachine): void {
    this.#impulses.start(machine);
  }

  stop(): void {
    this.#impulses.stopped = true;
  }

  #wish(machine: SimulatedMachine): void {
    const { faults } = this.#simulation.settings;
    const draw = this.#random.fraction();
    if (draw < 0.4) this.#attach(machine);
    else if (draw < 0.65) this.#detach(machine);
    else if (draw < 0.85 && faults.has('containers')) this.#disturb(machine);
    else if (draw < 0.86 && faults.has('churn')) this.#churn(machine, CHURN);
    else if (draw < 0.9) this.#retarget(machine);
  }

  #attach(machine: SimulatedMachine): void {
    const found = this.#containers.running(machine);
    if (found === undefined) return;
    const addresses = this.#random.fraction() < 0.2 ? [this.#address(), this.#address()] : [this.#address()];
    const container = { ...found, name: found.id };
    machine.command({ kind: 'attach', container, network: 'mesh', addresses });
  }

  #detach(machine: SimulatedMachine): void {
    const container = this.#containers.any(machine);
    if (container === undefined) return;
    const addresses = this.#random.fraction() < 0.2 ? [this.#address()] : [];
    machine.command({ kind: 'detach', container, network: 'mesh', addresses });
  }

  /** A container stops, starts, restarts at once, or is removed. */
  #disturb(machine: SimulatedMachine): void {
    const draw = this.#random.fraction();
    const id = this.#containers.any(machine);
    if (id === undefined) return;
    const isRunning = machine.running.has(id);
    if (isRunning) this.#die(machine, id);
    if (draw < 0.25) {
      this.#containers.remove(machine, id);
      this.#listener.removed(machine, id);
    } else if (!isRunning || draw < 0.6) this.#containers.restart(machine, id);
    machine.containerChanged(id);
  }

  #die(machine: SimulatedMachine, id: string): void {
    machine.running.delete(id);
    machine.stopped.add(id);
    machine.plumbed.delete(`mesh/${id}`);
    this.#simulation.saw('container died');
    machine.containerChanged(id);
  }

  /** Attached and detached many times over: more deletions than anybody remembers. */
  #churn(machine: SimulatedMachine, left: number): void {
    if (left === 0 || this.#impulses.stopped) return;
    if (left % 2 === 0) this.#attach(machine);
    else this.#detach(machine);
    this.#simulation.after(30, () => this.#churn(machine, left - 1));
  }

  #retarget(machine: SimulatedMachine): void {
    const other = this.#random.pick(this.#simulation.machines)!;
    const peers = [other.address];
    if (this.#random.fraction() < 0.5) machine.command({ kind: 'connect', peers, replace: false });
    else machine.command({ kind: 'forget', peers });
  }

  #address(): Cidr {
    const number = Math.floor(this.#random.fraction() * this.#simulation.settings.addresses);
    return { address: fromNumber(FIRST_ADDRESS + number), prefix: 16 };
  }
}
