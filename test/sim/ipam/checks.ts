import { type Cidr, formatCidr, type Ipv4 } from '../../../src/core/address.ts';
import { ByteReader } from '../../../src/core/bytes.ts';
import type { Result } from '../../../src/core/errors.ts';
import type { Command, Effect, Input, Millis, Reply } from '../../../src/core/host/step.ts';
import { CUSTODY_KEY, type Custody, decodeCustody, IPAM } from '../../../src/core/ipam/custody.ts';
import { overlaps } from '../../../src/core/range.ts';
import { REMOVALS } from '../../../src/core/removals/removal.ts';
import { readEntry } from '../../../src/core/replica/encoding.ts';
import type { Change } from '../../../src/core/replica.ts';
import type { Sight } from '../counters.ts';
import type { SimulatedMachine } from '../machine.ts';
import type { Simulation } from '../simulation.ts';
import { isFairHangUp, Violation, type Watch } from '../watch.ts';
import { RemovalChecks } from './removal-checks.ts';
import type { AddressSettings } from './settings.ts';

type Release = Extract<Command, { kind: 'release' }>;

/**
 * Who waits for an address gets it, or is told why not, in 10 s. The rest is for the disk: an attach that borrows is five
 * writes one after another, since what others say is stored before what follows from it. Each may have to wait for the one
 * under way, and a write takes up to half more than its mean.
 */
export const answerMs = ({ syncMs }: AddressSettings): Millis =>
  10_000 + Math.max(6_000, 5 * 2 * 1.5 * syncMs);

/** What must hold of addresses after every event: nobody has one that somebody else has, whatever each knows. */
export class AddressChecks implements Watch {
  readonly #simulation: Simulation;
  readonly #strict: boolean;
  /** How often somebody has asked to give everything back and has no answer yet, by the start of the router. */
  readonly #releasing = new Map<string, number>();
  readonly #custodies = new Map<
    SimulatedMachine,
    { readonly value: Uint8Array; readonly custody: Custody }
  >();
  /** Given to others than containers, by address. */
  readonly given = new Map<Ipv4, { readonly machine: SimulatedMachine; readonly owner: string }>();

  readonly universe: Cidr;
  readonly #had = new WeakMap<Command, readonly Cidr[]>();
  readonly #settings: AddressSettings;
  readonly #removed: RemovalChecks;

  constructor(simulation: Simulation, settings: AddressSettings) {
    this.#simulation = simulation;
    this.#settings = settings;
    this.#strict = settings.strict;
    this.universe = settings.ipam!({ index: 0, targets: [], arrival: 'first' }).universe;
    this.#removed = new RemovalChecks(simulation, (machine, what) => this.fail(machine, what));
  }

  starting(machine: SimulatedMachine): void {
    this.#custodies.delete(machine);
    this.#removed.starting(machine);
  }

  stepped(machine: SimulatedMachine, input: Input, _effects: readonly Effect[]): void {
    if (input.kind === 'command' && input.command.kind === 'leave') this.forget(machine);
    const value = machine.host?.facts.get(machine.peer, IPAM, CUSTODY_KEY)?.value;
    if (value !== this.#custodies.get(machine)?.value) this.#compareCustody(machine, value);
    if (input.kind === 'plumbed' && input.result.ok) this.#comparePlumbed(machine, input.container);
    this.#removed.stepped(machine);
  }

  /** Somebody asks: what he has already, he may get again. */
  asking(machine: SimulatedMachine, command: Command): void {
    if (command.kind === 'allocate' || command.kind === 'claim')
      this.#had.set(command, machine.host?.allocatedTo(command.owner) ?? []);
    if (command.kind === 'release') this.#releasingOf(machine, command);
  }

  /** What is being given back may be free before anybody is told so, and before what was asked earlier is answered. */
  #releasingOf(machine: SimulatedMachine, { owner, addresses }: Release): void {
    this.#count(machine, owner, 1);
    for (const [address, given] of this.given) {
      const isMeant = addresses.length === 0 || addresses.includes(address);
      if (given.machine === machine && given.owner === owner && isMeant) this.given.delete(address);
    }
  }

  givenOn(machine: SimulatedMachine): readonly Ipv4[] {
    return [...this.given].filter(([, given]) => given.machine === machine).map(([address]) => address);
  }

  replied(machine: SimulatedMachine, command: Command, result: Result<Reply>): void {
    if (!result.ok) return this.#simulation.saw(sightOf(result.problem.code));
    const { addresses } = result.value;
    if (command.kind === 'allocate' || command.kind === 'claim') {
      this.#simulation.saw(command.kind === 'allocate' ? 'allocated' : 'claimed');
      const had = this.#had.get(command) ?? [];
      for (const address of addresses) {
        this.#give(machine, command.owner, address);
        if (!had.some(cidr => cidr.address === address)) this.#removed.given(machine, address);
      }
    } else if (command.kind === 'attach') this.#simulation.saw('attached');
    else if (command.kind === 'leave') this.#simulation.saw('left');
    else if (command.kind === 'release') {
      this.#count(machine, command.owner, -1);
      if (command.addresses.length > 0) this.#simulation.saw('one address released');
      const other = addresses.find(address => this.#isGivenTo(address, machine, command.owner) === false);
      if (other !== undefined && this.#strict)
        this.fail(machine, `took ${other} from another than ${command.owner}`);
    } else if (command.kind === 'remove-peer') {
      const isLiving = !this.#simulation.gone.has(command.peer);
      this.#simulation.saw(isLiving ? 'living peer removed' : 'peer removed');
    }
  }

  /** Undefined where nobody has it, as far as was told. */
  #isGivenTo(address: Ipv4, machine: SimulatedMachine, owner: string): boolean | undefined {
    const given = this.given.get(address);
    if (given !== undefined && !this.#areStrangers(machine, given.machine))
      return given.machine === machine && given.owner === owner;
    const holders = [...machine.plumbed.values()].filter(({ container, addresses }) => {
      return machine.running.has(container) && addresses.some(cidr => cidr.address === address);
    });
    return holders.length === 0 ? undefined : false;
  }

  /** The machine's memory of what it gave is gone. */
  forget(machine: SimulatedMachine): void {
    for (const [address, { machine: giver }] of this.given) if (giver === machine) this.given.delete(address);
  }

  changed(machine: SimulatedMachine, change: Change): void {
    this.#removed.changed(machine, change);
  }

  durable(): void {}
  telling(): void {}
  arriving(): void {}
  applied(): void {}
  logged(): void {}

  hangingUp(machine: SimulatedMachine, reason: string): void {
    if (!isFairHangUp(reason)) this.fail(machine, `gave up a connection: ${reason}`);
  }

  halted(machine: SimulatedMachine): void {
    this.fail(machine, 'halted');
  }

  answeredLate(machine: SimulatedMachine, asked: Millis): void {
    if (this.#simulation.now - asked > answerMs(this.#settings))
      this.fail(machine, 'somebody waits for an address without an answer');
  }

  fail(machine: SimulatedMachine, what: string): never {
    throw new Violation(`${Math.round(this.#simulation.now)} ms, host ${machine.index + 1}: ${what}`);
  }

  #compareCustody(machine: SimulatedMachine, value: Uint8Array | undefined): void {
    const custody = value && decodeCustody(value);
    const before = this.#custodies.get(machine)?.custody;
    if (custody === undefined || value === undefined) return void this.#custodies.delete(machine);
    this.#custodies.set(machine, { value, custody });
    if (before !== undefined && custody.granted > before.granted) this.#simulation.saw('granted');
    if (custody.inherited.size > (before?.inherited.size ?? 0)) this.#simulation.saw('inherited');
    if (!this.#strict) return;
    for (const other of this.#simulation.machines) {
      if (other === machine) continue;
      const theirs = this.custodyOf(other);
      if (theirs === undefined || !isSame(theirs, custody)) continue;
      for (const range of theirs.ranges) {
        const twice = custody.ranges.find(own => overlaps(own, range));
        if (twice !== undefined)
          this.fail(machine, `holds ${twice.start}-${twice.end}, and so does host ${other.index + 1}`);
      }
    }
  }

  /** What a machine may give out, by what it would start with where it isn't running. */
  custodyOf(machine: SimulatedMachine): Custody | undefined {
    if (machine.host !== undefined) {
      // Its last word was that it is gone.
      if (machine.host.facts.get(machine.peer, REMOVALS, machine.peer) !== undefined) return undefined;
      const value = machine.host.facts.get(machine.peer, IPAM, CUSTODY_KEY)?.value;
      return value && decodeCustody(value);
    }
    if (machine.disk.durable.has(`own/${REMOVALS}/${machine.peer}`)) return undefined;
    const record = machine.disk.durable.get(`own/${IPAM}/${CUSTODY_KEY}`);
    const entry = record && readEntry(new ByteReader(record), machine.peer);
    return entry?.value && decodeCustody(entry.value);
  }

  /** Whether the two give out addresses by different divisions: each has the whole universe. */
  #areStrangers(machine: SimulatedMachine, other: SimulatedMachine): boolean {
    if (!this.#settings.divided || machine === other) return false;
    const [own, theirs] = [this.custodyOf(machine), this.custodyOf(other)];
    return own === undefined || theirs === undefined || !isSame(own, theirs);
  }

  #comparePlumbed(machine: SimulatedMachine, container: string): void {
    for (const cidr of machine.plumbed.get(`mesh/${container}`)?.addresses ?? []) {
      const twin = this.#holder(machine, container, cidr.address);
      if (twin !== undefined && this.#strict)
        this.fail(machine, `${container} got ${formatCidr(cidr)}, which ${twin} has`);
    }
  }

  #give(machine: SimulatedMachine, owner: string, address: Ipv4): void {
    const twin = this.#holder(machine, owner, address);
    if (twin !== undefined && this.#strict) this.fail(machine, `${owner} got ${address}, which ${twin} has`);
    if ((this.#releasing.get(`${machine.index} ${machine.epoch} ${owner}`) ?? 0) > 0) return;
    // It was told to leave after it gave this: it is the others' by now.
    if (machine.host?.state === 'leaving') return;
    this.given.set(address, { machine, owner });
  }

  #count(machine: SimulatedMachine, owner: string, by: 1 | -1): void {
    const key = `${machine.index} ${machine.epoch} ${owner}`;
    this.#releasing.set(key, (this.#releasing.get(key) ?? 0) + by);
  }

  /** Who else has an address now, anywhere. */
  #holder(machine: SimulatedMachine, owner: string, address: Ipv4): string | undefined {
    const given = this.given.get(address);
    const isOther = given !== undefined && (given.machine !== machine || given.owner !== owner);
    if (isOther && !this.#areStrangers(machine, given.machine))
      return `${given.owner} on host ${given.machine.index + 1}`;
    for (const other of this.#simulation.machines) {
      if (this.#areStrangers(machine, other)) continue;
      for (const { container, addresses } of other.plumbed.values()) {
        if ((other === machine && container === owner) || !other.running.has(container)) continue;
        if (addresses.some(cidr => cidr.address === address))
          return `${container} on host ${other.index + 1}`;
      }
    }
    return undefined;
  }
}

const isSame = ({ division: a }: Custody, { division: b }: Custody): boolean =>
  formatCidr(a.universe) === formatCidr(b.universe) && a.seeds.join() === b.seeds.join();

const SIGHT_OF: Readonly<Record<string, Sight>> = {
  'space-silent': 'space silent',
  'space-exhausted': 'space exhausted',
  'ring-undivided': 'ring undivided',
  'address-quarantined': 'claim in quarantine',
  'address-elsewhere': 'claim refused',
  'address-taken': 'claim refused',
  'address-unallocated': "release of another's refused",
  'peer-alive': 'living peer not removed',
};

const sightOf = (code: string): Sight => SIGHT_OF[code] ?? 'attach refused';
