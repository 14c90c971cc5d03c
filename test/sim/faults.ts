import type { PeerId } from '../../src/core/address.ts';
import { hasOwnFacts } from '../../src/core/host/durability.ts';
import type { Millis } from '../../src/core/host/step.ts';
import type { Head } from '../../src/core/replica.ts';
import { encodeMessage } from '../../src/core/wire.ts';
import { LaterOwner } from './later-owner.ts';
import type { SimulatedMachine } from './machine.ts';
import type { Fault } from './settings.ts';
import type { Simulation, WeakSpot } from './simulation.ts';
import { Turncoat } from './turncoat.ts';

/** Longer than any timeout of the core. */
const PARTITION_MS = [5_000, 25_000, 60_000, 120_000] as const;
const ABSENCE_MS = [100, 1_000, 5_000, 20_000] as const;
const LONG_ABSENCE_MS = 90_000;
const CHECKPOINT_EVERY_MS = 15_000;
const LATER_EVERY_MS = 700;
/** How often a weak spot is used. */
const WEAK_SPOT_SHARE: Readonly<Record<WeakSpot, number>> = {
  persist: 0.01,
  grant: 0.03,
  promise: 0.3,
  plumb: 0.01,
};
/** As many hosts for each: where all are cloned, each set of twins looks whole to itself. */
const HOSTS_PER_CLONE = 3;

/** What faults leave word of, for those who judge. */
export interface Notes {
  readonly tampered: { add(machine: SimulatedMachine): void };
  readonly tangled: { add(peer: PeerId): void };
  readonly told: { add(head: Head): unknown };
}

/** Does the damage that the settings ask for, until it is told to stop. */
export class Faults {
  readonly laterOwner: LaterOwner;
  readonly #simulation: Simulation;
  readonly #checks: Notes;
  /** Machines that lost their memory, and have to be told whom to join. */
  readonly #forgetful = new Set<SimulatedMachine>();
  readonly #turncoat: Turncoat;
  #stopped = false;
  #clones = 0;

  constructor(simulation: Simulation, checks: Notes) {
    this.#simulation = simulation;
    this.#checks = checks;
    this.laterOwner = new LaterOwner(simulation.random.later);
    this.#turncoat = new Turncoat(simulation, (machine, absence) => this.#kill(machine, absence));
  }

  start(): void {
    const { faults } = this.#simulation.settings;
    this.#next();
    this.#every(CHECKPOINT_EVERY_MS, () => {
      for (const machine of this.#simulation.machines) machine.disk.checkpoint();
    });
    if (faults.has('biased-kill')) {
      this.#simulation.onWeakSpot = (machine, spot, delay) => this.#strike(machine, spot, delay);
    }
    if (faults.has('later')) this.#every(LATER_EVERY_MS, () => this.#later());
    if (faults.has('skew')) for (const machine of this.#simulation.machines) this.#skew(machine);
  }

  stop(): void {
    this.#stopped = true;
    this.#turncoat.stop();
    this.#simulation.onWeakSpot = undefined;
  }

  /** Everything works again, and every router runs. */
  heal(): void {
    this.stop();
    const { machines, network } = this.#simulation;
    network.mendAll();
    network.lossy = false;
    for (const machine of machines) {
      machine.disk.full = false;
      machine.setTrouble(false);
      if (machine.paused) machine.resume();
      for (const link of machine.links.values()) link.clogUntil = 0;
      if (machine.host === undefined && machine.halted === undefined) this.#restart(machine);
    }
    // Whom it was told to join may have lost everything at the same time.
    const first = machines.find(machine => machine.host !== undefined && !this.#forgetful.has(machine));
    for (const machine of this.#forgetful) {
      const others = machines.filter(other => other.peer !== machine.peer && other.host !== undefined);
      const target = first !== undefined && others.includes(first) ? first : others[0];
      if (target !== undefined) machine.command({ kind: 'connect', peers: [target.address], replace: false });
    }
  }

  /** Somebody still had all of what the later owner wrote. */
  handLater(): void {
    const first = this.#simulation.machines.find(({ host, links }) => host !== undefined && links.size > 0);
    if (first !== undefined && this.laterOwner.head.upto > 0) this.#hand(first, true);
  }

  #every(period: Millis, action: () => void): void {
    this.#simulation.after(period, () => {
      if (this.#stopped) return;
      action();
      this.#every(period, action);
    });
  }

  #next(): void {
    const { random, settings } = this.#simulation;
    this.#simulation.after(-settings.faultEveryMs * Math.log(1 - random.faults.fraction()), () => {
      if (this.#stopped) return;
      const fault = random.faults.pick([...settings.faults]);
      if (fault !== undefined) this.#cause(fault);
      this.#next();
    });
  }

  #cause(fault: Fault): void {
    const machine = this.#any();
    const { random } = this.#simulation;
    const absence = random.faults.pick(ABSENCE_MS)! * (0.5 + random.faults.fraction());
    switch (fault) {
      case 'partition':
        return this.#partition();
      case 'one-way':
        return this.#cutOneWay();
      case 'clog':
        return this.#clog(machine);
      case 'kill':
        return this.#kill(machine, absence);
      case 'power':
        return this.#losePower(machine, absence);
      case 'rollback':
        return this.#rollBack(machine, absence);
      case 'wipe':
        return this.#wipe(machine, absence);
      case 'long-absence':
        return this.#kill(machine, LONG_ABSENCE_MS);
      case 'pause':
        return this.#pause(machine);
      case 'disk-full':
        return this.#fill(machine);
      case 'jump':
        return this.#jump(machine);
      case 'clone':
        return this.#clone(machine);
      case 'leave':
        return this.#leave(machine, absence);
    }
  }

  #any(): SimulatedMachine {
    return this.#simulation.random.faults.pick(this.#simulation.machines)!;
  }

  #partition(): void {
    const { machines, network, random } = this.#simulation;
    const sides = machines.map(() => random.faults.fraction() < 0.5);
    const pairs = machines.flatMap(from =>
      machines.filter(to => sides[from.index] !== sides[to.index]).map(to => [from, to] as const),
    );
    for (const [from, to] of pairs) network.cut(from, to);
    if (pairs.length > 0) this.#simulation.saw('partition');
    const duration = random.faults.pick(PARTITION_MS)! * (0.5 + random.faults.fraction());
    this.#until(duration, () => {
      for (const [from, to] of pairs) network.mend(from, to);
    });
  }

  #cutOneWay(): void {
    const { network, random } = this.#simulation;
    const [from, to] = [this.#any(), this.#any()];
    if (from === to) return;
    network.cut(from, to);
    this.#simulation.saw('one-way cut');
    this.#until(random.faults.pick(PARTITION_MS)!, () => network.mend(from, to));
  }

  #clog(machine: SimulatedMachine): void {
    const { now, random } = this.#simulation;
    const link = random.faults.pick([...machine.links.values()]);
    if (link === undefined) return;
    link.clogUntil = now + random.faults.fraction() * 20_000;
    this.#simulation.saw('clogged');
  }

  /** Undoes what a fault did, unless everything was healed before. */
  #until(duration: Millis, undo: () => void): void {
    this.#simulation.after(duration, () => {
      if (!this.#stopped) undo();
    });
  }

  #kept(machine: SimulatedMachine): number {
    return Math.floor(this.#simulation.random.faults.fraction() * (machine.disk.waiting + 1));
  }

  #kill(machine: SimulatedMachine, absence: Millis): void {
    if (machine.host === undefined) return;
    this.#simulation.saw(absence >= LONG_ABSENCE_MS ? 'absent long' : 'killed');
    this.#simulation.network.leave(machine, this.#simulation.random.faults.fraction() < 0.5);
    machine.kill(this.#kept(machine));
    this.#returnAfter(machine, absence);
  }

  #losePower(machine: SimulatedMachine, absence: Millis): void {
    if (machine.host === undefined) return;
    this.#simulation.saw('power lost');
    this.#simulation.network.leave(machine, true);
    machine.losePower(this.#kept(machine));
    this.#returnAfter(machine, absence);
  }

  #returnAfter(machine: SimulatedMachine, absence: Millis): void {
    this.#until(absence, () => {
      if (machine.host === undefined && machine.halted === undefined) this.#restart(machine);
    });
  }

  #restart(machine: SimulatedMachine): void {
    // Its last word was that it is gone: the daemon begins as somebody else.
    if (machine.disk.durable.has('left')) {
      machine.disk.replace(new Map());
      this.#simulation.rename(machine);
    }
    // A machine that lost everything has to be told again whom to join.
    if (machine.disk.durable.has('targets')) return machine.start();
    this.#simulation.saw('joined again');
    this.#forgetful.add(machine);
    // Where others may be losing theirs at this moment, one of them is not enough; and who is told of nobody founds a mesh.
    const others = this.#simulation.machines.filter(other => other.peer !== machine.peer);
    const running = others.filter(({ host }) => host !== undefined);
    const all = running.length > 0 ? running : others;
    const targets = this.#stopped ? all : [this.#another(machine)];
    machine.arrival = targets.some(({ holds }) => holds) ? 'to-a-holder' : 'to-others';
    machine.start(targets.map(({ address }) => address));
  }

  #another(machine: SimulatedMachine): SimulatedMachine {
    const others = this.#simulation.machines.filter(
      other => other.peer !== machine.peer && other.host !== undefined,
    );
    const holders = others.filter(({ holds }) => holds);
    const best = holders.length > 0 ? holders : others;
    const any = this.#simulation.random.faults.pick(best) ?? this.#any();
    // One that is told to join itself founds a mesh of its own, and divides the addresses alone.
    const isSelf = any === machine && this.#simulation.settings.ipam !== undefined;
    return isSelf ? this.#simulation.machines.find(other => other !== machine)! : any;
  }

  /** Right after something was begun: it may be done, half done, or not told yet. */
  #strike(machine: SimulatedMachine, spot: WeakSpot, delay: Millis): void {
    const { random } = this.#simulation;
    if (spot === 'promise' && this.#turncoat.voting(machine, delay)) return;
    if (random.faults.fraction() >= WEAK_SPOT_SHARE[spot]) return;
    const { epoch } = machine;
    const early = random.faults.fraction() < 0.5;
    const kill = (): void => {
      if (this.#stopped || machine.host === undefined || machine.epoch !== epoch) return;
      if (spot === 'plumb') this.#simulation.saw('killed after plumb, before the answer');
      else this.#simulation.saw(early ? 'killed before durable' : 'killed after persist, before telling');
      if (spot === 'grant') this.#simulation.saw('killed with a grant under way');
      if (spot === 'promise') this.#simulation.saw('killed with a promise under way');
      this.#simulation.network.leave(machine, false);
      machine.kill(early || spot === 'plumb' ? 0 : machine.disk.waiting);
      this.#returnAfter(machine, random.faults.pick(ABSENCE_MS)!);
    };
    // Before the flush, or just before what was waiting for it goes on.
    this.#simulation.after(early ? 0 : Math.max(0, Math.ceil(delay) - 1), kill);
  }

  #rollBack(machine: SimulatedMachine, absence: Millis): void {
    if (machine.host === undefined) return;
    const { random } = this.#simulation;
    this.#kill(machine, absence);
    this.#checks.tampered.add(machine);
    if (machine.disk.rollBack(random.faults.fraction())) this.#simulation.saw('disk rolled back');
  }

  #wipe(machine: SimulatedMachine, absence: Millis): void {
    if (machine.host === undefined) return;
    this.#kill(machine, absence);
    this.#checks.tampered.add(machine);
    machine.disk.replace(new Map());
    // Installed anew: its containers are gone with everything else, or they would be alive under a peer that is not.
    if (this.#simulation.settings.ipam !== undefined) {
      // As the daemon does with an identity under which nothing is stored.
      if (!hasOwnFacts(machine.disk.durable)) this.#simulation.rename(machine);
      machine.plumbed.clear();
      machine.running.clear();
      machine.stopped.clear();
    }
    this.#simulation.saw('disk wiped');
  }

  #pause(machine: SimulatedMachine): void {
    if (machine.host === undefined || machine.paused) return;
    machine.pause();
    this.#simulation.saw('paused');
    const { random } = this.#simulation;
    this.#until(random.faults.pick([5_000, 60_000])! * random.faults.fraction(), () => {
      if (machine.paused) machine.resume();
    });
  }

  /** First the reserve is used up, then nothing more can be written. */
  #fill(machine: SimulatedMachine): void {
    const { random } = this.#simulation;
    this.#simulation.saw('disk full');
    machine.setTrouble(true);
    machine.disk.full = random.faults.fraction() < 0.5;
    this.#until(random.faults.pick([3_000, 30_000])! * random.faults.fraction(), () => {
      machine.disk.full = false;
      machine.setTrouble(false);
    });
  }

  #skew(machine: SimulatedMachine): void {
    const { random } = this.#simulation;
    machine.clock.rate = 0.9 + 0.2 * random.faults.fraction();
    machine.clock.base = random.faults.fraction() * 1e7;
    machine.clock.wallSkew = (random.faults.fraction() - 0.5) * 7_200_000;
  }

  /** A machine that slept, or a clock that somebody set. */
  #jump(machine: SimulatedMachine): void {
    const { random } = this.#simulation;
    this.#simulation.saw('clock jumped');
    machine.clock.wallSkew += (random.faults.fraction() - 0.5) * 7_200_000;
    machine.clock.base += random.faults.pick([-2_000, 1_000, 20_000, 600_000])! * random.faults.fraction();
    machine.deliver({ kind: 'tick' });
  }

  #clone(machine: SimulatedMachine): void {
    const { hosts } = this.#simulation.settings;
    if (machine.host === undefined || (this.#clones + 1) * HOSTS_PER_CLONE > hosts) return;
    if (this.#simulation.machines.some(other => other !== machine && other.peer === machine.peer)) return;
    this.#clones += 1;
    this.#simulation.saw('clone started');
    const clone = this.#simulation.add(machine.peer);
    clone.disk.replace(machine.disk.durable);
    this.#checks.tangled.add(machine.peer);
    this.#forgetful.add(clone);
    clone.start();
  }

  /** Leaves for good, so its state goes; and comes back as an old friend without a memory. */
  #leave(machine: SimulatedMachine, absence: Millis): void {
    if (machine.host?.state !== 'ready') return;
    machine.command({ kind: 'leave' }, () => {
      const { epoch } = machine;
      this.#simulation.after(500, () => {
        if (machine.epoch !== epoch || machine.host === undefined) return;
        this.#simulation.network.leave(machine, false);
        machine.kill(0);
        this.#checks.tampered.add(machine);
        machine.disk.replace(new Map());
        if (this.#simulation.settings.ipam !== undefined) this.#simulation.rename(machine);
        machine.plumbed.clear();
        if (this.#stopped) this.#restart(machine);
        else this.#returnAfter(machine, absence);
      });
    });
  }

  #later(): void {
    const { machines, random } = this.#simulation;
    this.laterOwner.write();
    const machine = random.later.pick(machines)!;
    if (machine.host?.state === 'ready' && machine.links.size > 0) this.#hand(machine, false);
    const speaker = random.later.pick(machines)!;
    speaker.later = random.later.fraction() < 0.5;
    if (machine.links.size === 0) return;
    const unknown = { kind: 'unknown', version: 3, code: 77, bytes: new Uint8Array(5) } as const;
    this.#simulation.network.send(
      machine,
      random.later.pick([...machine.links.keys()])!,
      encodeMessage(unknown),
    );
  }

  /** A neighbour of `machine` hands on what it has of the later owner. */
  #hand(machine: SimulatedMachine, whole: boolean): void {
    const { random } = this.#simulation;
    const from = random.later.pick([...machine.links.keys()])!;
    const owner = this.laterOwner;
    const delta = whole || random.later.fraction() < 0.3 ? owner.whole() : owner.write();
    this.#checks.told.add(owner.head);
    const bytes = encodeMessage({ kind: 'deltas', deltas: [delta], reply: true });
    machine.deliver({ kind: 'message', from, bytes });
  }
}
