import { type Cidr, fromNumber } from '../../../src/core/address.ts';
import type { Random } from '../../../src/core/host/random.ts';
import type { Command } from '../../../src/core/host/step.ts';
import { rangeOf } from '../../../src/core/range.ts';
import type { SimulatedMachine } from '../machine.ts';
import type { Simulation } from '../simulation.ts';
import type { AddressChecks } from './checks.ts';
import type { AddressSettings } from './settings.ts';

const CONTAINERS_MAX = 5;
const OWNERS = 6;

/** What people do with addresses. */
export class AddressUsers {
  readonly #simulation: Simulation;
  readonly #settings: AddressSettings;
  readonly #checks: AddressChecks;
  readonly #random: Random;
  #containers = 0;
  #stopped = false;

  constructor(simulation: Simulation, settings: AddressSettings, checks: AddressChecks) {
    this.#simulation = simulation;
    this.#settings = settings;
    this.#checks = checks;
    this.#random = simulation.random.users;
  }

  start(machine: SimulatedMachine): void {
    const wait = -this.#settings.wishEveryMs * Math.log(1 - this.#random.fraction());
    this.#simulation.after(wait, () => {
      if (this.#stopped) return;
      this.#wish(machine);
      this.start(machine);
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #wish(machine: SimulatedMachine): void {
    if (machine.host === undefined || machine.paused) return;
    const draw = this.#random.fraction();
    const owner = `api${machine.index}-${Math.floor(this.#random.fraction() * OWNERS)}`;
    if (draw < 0.3) this.#attach(machine, []);
    else if (draw < 0.4) this.#attach(machine, [this.#address()]);
    else if (draw < 0.5) this.#ask(machine, { kind: 'allocate', owner, subnet: undefined });
    else if (draw < 0.55) this.#ask(machine, { kind: 'claim', owner, address: this.#address() });
    else if (draw < 0.65) this.#ask(machine, { kind: 'release', owner, addresses: [] });
    else if (draw < 0.8) this.#detach(machine);
    else if (draw < 0.95) this.#disturb(machine);
    else this.#remove(machine);
  }

  #ask(machine: SimulatedMachine, command: Command): void {
    if (command.kind === 'release') this.#checks.releasing(machine, command.owner);
    const { epoch } = machine;
    const asked = this.#simulation.now;
    let isAnswered = false;
    machine.command(command, () => {
      isAnswered = true;
    });
    this.#simulation.after(17_000, () => {
      const couldAnswer = machine.epoch === epoch && machine.host?.state === 'ready' && !machine.disk.full;
      if (
        !isAnswered &&
        couldAnswer &&
        !this.#settings.faults.has('pause') &&
        !this.#settings.faults.has('skew') &&
        !this.#settings.faults.has('jump')
      )
        this.#checks.answeredLate(machine, asked);
    });
  }

  #attach(machine: SimulatedMachine, addresses: readonly Cidr[]): void {
    const id = this.#container(machine);
    const sandbox = machine.running.get(id);
    if (sandbox === undefined) return;
    this.#ask(machine, { kind: 'attach', container: { id, name: id, sandbox }, network: 'mesh', addresses });
  }

  #detach(machine: SimulatedMachine): void {
    const container = this.#random.pick([...machine.running.keys(), ...machine.stopped]);
    if (container !== undefined)
      this.#ask(machine, { kind: 'detach', container, network: 'mesh', addresses: [] });
  }

  #disturb(machine: SimulatedMachine): void {
    const id = this.#random.pick([...machine.running.keys(), ...machine.stopped]);
    if (id === undefined) return;
    const wasRunning = machine.running.delete(id);
    machine.plumbed.delete(`mesh/${id}`);
    machine.stopped.add(id);
    const draw = this.#random.fraction();
    if (draw < 0.3) machine.stopped.delete(id);
    else if (!wasRunning || draw < 0.6) {
      machine.stopped.delete(id);
      machine.running.set(id, this.#simulation.nextSandbox());
    }
    this.#simulation.saw(draw < 0.3 ? 'container removed' : 'container restarted');
    machine.containerChanged(id);
  }

  /** The operator says that a peer is gone: one that is, or, where people may be wrong, any. */
  #remove(machine: SimulatedMachine): void {
    const gone = this.#random.pick([...this.#simulation.gone]);
    // Nobody can wait for one that nobody here has ever heard of: who is careful looks whether all are there.
    if (this.#settings.strict && !this.#knowsAll(machine)) return;
    if (gone !== undefined) return this.#ask(machine, { kind: 'remove-peer', peer: gone, force: true });
    const other = this.#random.pick(this.#simulation.machines)!;
    const force = !this.#settings.strict && this.#random.fraction() < 0.1;
    if (!this.#settings.strict) this.#ask(machine, { kind: 'remove-peer', peer: other.peer, force });
  }

  #knowsAll({ host }: SimulatedMachine): boolean {
    return this.#simulation.machines.every(
      other => this.#checks.custodyOf(other) === undefined || host?.facts.head(other.peer) !== undefined,
    );
  }

  #container(machine: SimulatedMachine): string {
    const known = [...machine.running.keys()];
    const isFull = known.length + machine.stopped.size >= CONTAINERS_MAX;
    if (known.length > 0 && (isFull || this.#random.fraction() < 0.4)) return this.#random.pick(known)!;
    if (isFull) return '';
    this.#containers += 1;
    const id = `box${this.#containers}.`;
    machine.running.set(id, this.#simulation.nextSandbox());
    return id;
  }

  #address(): Cidr {
    const { universe } = this.#settings.ipam!([], 'first');
    const { start, end } = rangeOf(universe);
    const number = start + Math.floor(this.#random.fraction() * (end - start));
    return { address: fromNumber(number), prefix: universe.prefix };
  }
}
