import { type Cidr, fromNumber } from '../../../src/core/address.ts';
import type { Random } from '../../../src/core/host/random.ts';
import type { Command } from '../../../src/core/host/step.ts';
import { rangeOf } from '../../../src/core/range.ts';
import { Containers, Impulses } from '../containers.ts';
import type { SimulatedMachine } from '../machine.ts';
import type { Simulation } from '../simulation.ts';
import { type AddressChecks, answerMs } from './checks.ts';
import type { AddressSettings } from './settings.ts';

const CONTAINERS_MAX = 5;
const OWNERS = 6;

/** What people do with addresses. */
export class AddressUsers {
  readonly #simulation: Simulation;
  readonly #settings: AddressSettings;
  readonly #checks: AddressChecks;
  readonly #random: Random;
  readonly #impulses: Impulses;
  readonly #containers: Containers;

  constructor(simulation: Simulation, settings: AddressSettings, checks: AddressChecks) {
    this.#simulation = simulation;
    this.#settings = settings;
    this.#checks = checks;
    this.#random = simulation.random.users;
    this.#impulses = new Impulses(simulation, machine => this.#wish(machine));
    this.#containers = new Containers(simulation, CONTAINERS_MAX, 0.4);
  }

  start(machine: SimulatedMachine): void {
    this.#impulses.start(machine);
    const { divided, minutes } = this.#settings;
    if (divided) this.#simulation.after((minutes * 60_000) / 4, () => this.#introduce(machine));
  }

  stop(): void {
    this.#impulses.stopped = true;
    if (this.#settings.divided) for (const machine of this.#simulation.machines) this.#introduce(machine);
  }

  /** Brings together what was launched with different seeds. */
  #introduce(machine: SimulatedMachine): void {
    const other = this.#simulation.machines[machine.index ^ 1];
    if (other !== undefined && machine.host !== undefined)
      machine.command({ kind: 'connect', peers: [other.address], replace: false });
  }

  #wish(machine: SimulatedMachine): void {
    if (machine.host === undefined || machine.paused) return;
    const draw = this.#random.fraction();
    const owner = `api${machine.index}-${Math.floor(this.#random.fraction() * OWNERS)}`;
    if (draw < 0.3) this.#attach(machine, []);
    else if (draw < 0.4) this.#attach(machine, [this.#address()]);
    else if (draw < 0.5) this.#ask(machine, { kind: 'allocate', owner, subnet: undefined });
    else if (draw < 0.55) this.#ask(machine, { kind: 'claim', owner, address: this.#address() });
    else if (draw < 0.62) this.#ask(machine, { kind: 'release', owner, addresses: [] });
    else if (draw < 0.65) this.#releaseOne(machine, owner);
    else if (draw < 0.8) this.#detach(machine);
    else if (draw < 0.95) this.#disturb(machine);
    else this.#remove(machine);
  }

  #ask(machine: SimulatedMachine, command: Command): void {
    this.#checks.asking(machine, command);
    const { disk, epoch } = machine;
    const { fills, full } = disk;
    const asked = this.#simulation.now;
    let isAnswered = false;
    machine.command(command, () => {
      isAnswered = true;
    });
    this.#simulation.after(answerMs(this.#settings) + 1_000, () => {
      // Nothing is told before it is durable, and on a full disk nothing is.
      const wasFull = full || disk.fills > fills || machine.waitsForSpace;
      const couldAnswer = machine.epoch === epoch && machine.host?.state === 'ready' && !wasFull;
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

  /** Any address that was given on this machine, whoever has it. */
  #releaseOne(machine: SimulatedMachine, owner: string): void {
    const plumbed = [...machine.plumbed.values()].flatMap(({ addresses }) =>
      addresses.map(({ address }) => address),
    );
    const address = this.#random.pick([...this.#checks.givenOn(machine), ...plumbed]);
    if (address !== undefined) this.#ask(machine, { kind: 'release', owner, addresses: [address] });
  }

  #attach(machine: SimulatedMachine, addresses: readonly Cidr[]): void {
    const found = this.#containers.running(machine);
    if (found === undefined) return;
    const container = { ...found, name: found.id };
    this.#ask(machine, { kind: 'attach', container, network: 'mesh', addresses });
  }

  #detach(machine: SimulatedMachine): void {
    const container = this.#containers.any(machine);
    if (container !== undefined)
      this.#ask(machine, { kind: 'detach', container, network: 'mesh', addresses: [] });
  }

  #disturb(machine: SimulatedMachine): void {
    const id = this.#containers.any(machine);
    if (id === undefined) return;
    const wasRunning = machine.running.delete(id);
    machine.plumbed.delete(`mesh/${id}`);
    machine.stopped.add(id);
    const draw = this.#random.fraction();
    if (draw < 0.3) this.#containers.remove(machine, id);
    else if (!wasRunning || draw < 0.6) this.#containers.restart(machine, id);
    else this.#simulation.saw('container died');
    machine.containerChanged(id);
  }

  /** The operator says that a peer is gone: one that is, or, where people may be wrong, any. */
  #remove(machine: SimulatedMachine): void {
    const gone = this.#random.pick([...this.#simulation.gone]);
    // Nobody can wait for one that nobody here has ever heard of: who is careful looks whether all are there.
    if (this.#settings.strict && !this.#knowsAll(machine)) return;
    if (gone !== undefined) return this.#ask(machine, { kind: 'remove-peer', peer: gone, force: true });
    const other = this.#random.pick(this.#simulation.machines)!;
    if (this.#settings.strict) return;
    const force = this.#random.fraction() < 0.3;
    this.#ask(machine, { kind: 'remove-peer', peer: other.peer, force });
  }

  #knowsAll({ host }: SimulatedMachine): boolean {
    return this.#simulation.machines.every(
      other => this.#checks.custodyOf(other) === undefined || host?.facts.head(other.peer) !== undefined,
    );
  }

  #address(): Cidr {
    const { universe } = this.#checks;
    const { start, end } = rangeOf(universe);
    const number = start + Math.floor(this.#random.fraction() * (end - start));
    return { address: fromNumber(number), prefix: universe.prefix };
  }
}
