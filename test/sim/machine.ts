import { type Ipv4, type PeerId, parseIpv4 } from '../../src/core/address.ts';
import type { Attachment } from '../../src/core/endpoints/attachment.ts';
import type { Problem, Result } from '../../src/core/errors.ts';
import type { Forwarding } from '../../src/core/forwarding.ts';
import { ownRecord } from '../../src/core/host/durability.ts';
import type { Command, Effect, HostConfig, Input, Millis, Records, Reply } from '../../src/core/host/step.ts';
import { Host } from '../../src/core/host.ts';
import { CUSTODY_KEY, IPAM } from '../../src/core/ipam/custody.ts';
import { VOTE_KEY } from '../../src/core/ipam/vote.ts';
import { Disk } from './disk.ts';
import { fakeCrypto } from './fake-crypto.ts';
import type { Link } from './network.ts';
import type { Arrival } from './settings.ts';
import { sharedDecode } from './shared-decode.ts';
import type { Simulation, WeakSpot } from './simulation.ts';
import { Violation } from './watch.ts';

const NO_FORWARDING: Forwarding = { peers: [], networks: [] };
/** Wall time at the start of every run: only in the names of boots, where clocks that are wrong must do no harm. */
const EPOCH_MS = 1_700_000_000_000;

/** What a crash could undo while it is written. */
const spotOf = (records: Records): WeakSpot => {
  if (records.has(ownRecord(IPAM, VOTE_KEY))) return 'promise';
  return records.has(ownRecord(IPAM, CUSTODY_KEY)) ? 'grant' : 'persist';
};

export interface Machine {
  readonly index: number;
  readonly peer: PeerId;
  readonly address: string;
}

type Answer = (result: Result<Reply>) => void;

/**
 * One machine: a disk, a kernel, containers, and a router that comes and goes. Effects are carried out as the daemon's
 * loop does it: in their order, and what follows a `persist` or a `plumb` waits for its end.
 */
export class SimulatedMachine implements Machine {
  readonly index: number;
  peer: PeerId;
  readonly address: string;
  readonly disk = new Disk();
  /** Containers that run, by id: their sandbox; and those that are stopped. */
  readonly running = new Map<string, string>();
  readonly stopped = new Set<string>();
  /** What the kernel holds, whether or not a router runs. */
  readonly plumbed = new Map<string, Attachment>();
  kernel: Forwarding = NO_FORWARDING;
  readonly logs: Extract<Effect, { kind: 'log' }>[] = [];
  readonly links = new Map<PeerId, Link>();
  host: Host | undefined;
  /** Counts the starts of the router. */
  epoch = 0;
  paused = false;
  /** Something can't be made durable: what follows it waits, answers too. It is tried again a while after there is space. */
  waitsForSpace = false;
  /** Without power nothing answers, not even with a refusal. */
  powered = true;
  halted: Problem | undefined;
  /** What it answers for NETWORK/NAME: addresses; none for such as it took back. */
  readonly zone = new Map<string, readonly Ipv4[]>();
  /** Speaks a later version of the protocol. */
  later = false;
  arrival: Arrival = 'first';
  clock = { base: 0, rate: 1, wallSkew: 0 };
  readonly #simulation: Simulation;
  #queue: Exclude<Effect, { kind: 'withhold' }>[] = [];
  #head = 0;
  /** How many of those that wait are a `forward`. */
  #forwards = 0;
  #busy = false;
  #wake = 0;
  #trouble = false;
  #backlog: Input[] = [];
  readonly #followed = new Set<string>();
  readonly #answers = new Map<number, { readonly command: Command; readonly answer: Answer }>();
  #tickets = 0;
  #launches = 0;
  /** The targets of the last launch. */
  #named: readonly string[] = [];

  constructor(simulation: Simulation, index: number, peer: PeerId) {
    this.#simulation = simulation;
    this.index = index;
    this.peer = peer;
    this.address = `192.168.${(index + 1) >> 8}.${(index + 1) & 255}:6783`;
  }

  get now(): Millis {
    return this.clock.base + this.#simulation.now * this.clock.rate;
  }

  /** Its router runs and has addresses to give out, or had. */
  get holds(): boolean {
    return this.host?.facts.get(this.peer, IPAM, CUSTODY_KEY) !== undefined;
  }

  get wakeNumber(): number {
    return this.#wake;
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }

  /** The kernel is going to be brought to what the router says by then. */
  get willForward(): boolean {
    return this.#forwards > 0;
  }

  /** Starts a router; without `targets` it goes on with those that are stored. */
  start(targets?: readonly string[]): void {
    this.powered = true;
    this.halted = undefined;
    this.epoch += 1;
    if (targets !== undefined) {
      this.#launches += 1;
      this.#named = targets;
    }
    const { watch } = this.#simulation;
    watch?.starting(this);
    this.host = new Host(this.config(targets), change => watch?.changed(this, change));
    this.deliver({ kind: 'adopted', attachments: [...this.plumbed.values()], forwarding: this.kernel });
  }

  /** Ends the router without a word. The kernel keeps what it has. */
  kill(kept: number): void {
    this.host = undefined;
    this.zone.clear();
    this.disk.crash(kept);
    this.#queue = [];
    this.#head = 0;
    this.#forwards = 0;
    this.#busy = false;
    this.#wake += 1;
    this.#trouble = false;
    this.#backlog = [];
    this.paused = false;
    this.waitsForSpace = false;
    this.#followed.clear();
    this.#answers.clear();
  }

  /** The machine goes off: what was in the kernel is gone, and every container gets another sandbox. */
  losePower(kept: number): void {
    this.kill(kept);
    this.powered = false;
    this.plumbed.clear();
    this.kernel = NO_FORWARDING;
    for (const id of this.running.keys()) this.running.set(id, this.#simulation.nextSandbox());
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    for (const input of this.#backlog.splice(0)) this.deliver(input);
    this.#drain();
  }

  tick(number: number): void {
    if (number === this.#wake) this.deliver({ kind: 'tick' });
  }

  /** Gives whether a broadcast that came is handed on. */
  deliver(input: Input): boolean {
    const { host } = this;
    if (host === undefined) return false;
    if (this.paused) {
      this.#backlog.push(input);
      return false;
    }
    const effects = host.step(input, this.now);
    let isHandedOn = true;
    for (const effect of effects) {
      if (effect.kind === 'forward') this.#forwards += 1;
      if (effect.kind === 'withhold') isHandedOn = false;
      else this.#queue.push(effect);
    }
    this.#simulation.stepped(this, input, effects);
    if (!this.#busy) this.#drain();
    return isHandedOn;
  }

  command(command: Command, answer: Answer = () => {}): void {
    this.#tickets += 1;
    this.#answers.set(this.#tickets, { command, answer });
    this.deliver({ kind: 'command', ticket: this.#tickets, command });
  }

  /** Tells the router what became of a container, if it asked. */
  containerChanged(id: string): void {
    if (!this.#followed.has(id)) return;
    this.#simulation.later(this, 2, this.#stateOf(id));
  }

  #stateOf(id: string): Input {
    const sandbox = this.running.get(id);
    if (sandbox !== undefined) return { kind: 'container-started', container: { id, name: id, sandbox } };
    return { kind: this.stopped.has(id) ? 'container-died' : 'container-removed', id };
  }

  #drain(): void {
    while (!this.#busy && !this.paused && this.#head < this.#queue.length) {
      const effect = this.#queue[this.#head]!;
      this.#head += 1;
      this.#carryOut(effect);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
  }

  /** Goes on after something that the queue waits for. */
  #waitFor(delay: Millis, then: () => void): void {
    const { epoch } = this;
    this.#busy = true;
    this.#simulation.after(delay, () => {
      if (this.epoch !== epoch || this.host === undefined) return;
      this.#busy = false;
      then();
      this.#drain();
    });
  }

  #carryOut(effect: Exclude<Effect, { kind: 'withhold' }>): void {
    const simulation = this.#simulation;
    switch (effect.kind) {
      case 'persist':
        return this.#persist(effect.records);
      case 'save':
        return this.#save(effect.records);
      case 'broadcast':
        simulation.watch?.telling(this, effect.bytes);
        return simulation.network.broadcast(this, effect.bytes);
      case 'send':
        simulation.watch?.telling(this, effect.bytes);
        return simulation.network.send(this, effect.to, effect.bytes);
      case 'connect':
        return simulation.network.dial(this, effect.address);
      case 'hang-up':
        simulation.watch?.hangingUp(this, effect.reason);
        return simulation.network.hangUp(this, effect.peer, effect.reason);
      case 'plumb':
        return this.#plumb(effect.attachment);
      case 'unplumb':
        this.plumbed.delete(`${effect.network}/${effect.container}`);
        return;
      case 'forward':
        return this.#forward();
      case 'publish-names':
        for (const { network, name, addresses } of effect.records)
          this.zone.set(`${network}/${name}`, addresses);
        return;
      case 'probe':
        return simulation.network.probe(this, effect);
      case 'follow':
        this.#followed.add(effect.container);
        return simulation.later(this, 1, this.#stateOf(effect.container));
      case 'reply':
        return this.#reply(effect.ticket, effect.result);
      case 'log':
        simulation.watch?.logged(this, effect.message);
        this.logs.push(effect);
        return;
      case 'wake':
        this.#wake += 1;
        return simulation.wake(this, Math.max(0, (effect.at - this.now) / this.clock.rate));
      case 'halt':
        this.#halt(effect.problem);
    }
  }

  /** One flush serves every `persist` that waits, as in the daemon. */
  #persist(first: Records): void {
    const records = new Map(first);
    for (let index = this.#head; index < this.#queue.length; index++) {
      const effect = this.#queue[index]!;
      if (effect.kind !== 'persist') continue;
      for (const [key, value] of effect.records) records.set(key, value);
      this.#queue[index] = { kind: 'persist', records: new Map() };
    }
    if (records.size === 0) return;
    const batch = this.disk.write(records);
    const delay = this.#simulation.syncDelay();
    const flush = (): void => {
      this.waitsForSpace = this.disk.full;
      if (this.disk.full) return this.#waitFor(1_000, flush);
      this.disk.flush(batch);
      this.#simulation.watch?.durable(this);
    };
    if (delay === 0) return flush();
    this.#waitFor(delay, flush);
    this.#simulation.weakSpot(this, spotOf(records), delay);
  }

  #save(records: Records): void {
    const batch = this.disk.write(records);
    const { epoch } = this;
    const flush = (): void => {
      if (this.epoch !== epoch) return;
      if (this.disk.full) this.#simulation.after(1_000, flush);
      else this.disk.flush(batch);
    };
    this.#simulation.after(this.#simulation.syncDelay(), flush);
  }

  /** The disk is nearly full, or isn't any more. */
  setTrouble(trouble: boolean): void {
    if (this.#trouble === trouble) return;
    this.#trouble = trouble;
    const problem: Problem | undefined = trouble ? { code: 'state-full', path: '/var/lib/mesh' } : undefined;
    this.deliver({ kind: 'store-trouble', problem });
  }

  #plumb(attachment: Attachment): void {
    const { container, network, sandbox } = attachment;
    const isAlive = this.running.get(container) === sandbox;
    if (isAlive) this.plumbed.set(`${network}/${container}`, attachment);
    else this.#simulation.saw('plumb refused');
    const result: Result<void> = isAlive
      ? { ok: true, value: undefined }
      : { ok: false, problem: { code: 'container-gone', container } };
    const delay = this.#simulation.plumbDelay();
    this.#waitFor(delay, () => void this.deliver({ kind: 'plumbed', network, container, sandbox, result }));
    this.#simulation.weakSpot(this, 'plumb', delay);
  }

  /** Several that wait mean one. */
  #forward(): void {
    this.#forwards -= 1;
    if (this.#forwards > 0) return;
    this.kernel = this.host!.forwarding();
    this.#simulation.watch?.applied(this, this.kernel);
    const delay = this.#simulation.applyDelay();
    if (delay > 0) this.#waitFor(delay, () => {});
  }

  #reply(ticket: number, result: Result<Reply>): void {
    const waiting = this.#answers.get(ticket);
    if (waiting === undefined) throw new Violation(`host ${this.index + 1} answers command ${ticket} twice`);
    this.#answers.delete(ticket);
    this.#simulation.watch?.replied(this, waiting.command, result);
    waiting.answer(result);
  }

  #halt(problem: Problem): void {
    this.#simulation.network.leave(this, false);
    this.kill(this.disk.waiting);
    this.halted = problem;
    this.#simulation.watch?.halted(this, problem);
  }

  /** What a router is started with. */
  config(targets: readonly string[] | undefined): HostConfig {
    const { settings } = this.#simulation;
    const wall = EPOCH_MS + Math.floor(this.#simulation.now + this.clock.wallSkew);
    return {
      self: this.peer,
      crypto: fakeCrypto(this.peer),
      decode: sharedDecode,
      limits: settings.limits,
      version: 'simulated',
      name: undefined,
      nickname: `host${this.index + 1}`,
      advertise: [this.address],
      listen: this.address,
      vtep: { address: parseIpv4(this.address.split(':')[0]!) as Ipv4, port: 6784 },
      relays: false,
      underlayMtu: 1500,
      mtu: undefined,
      password: false,
      discovery: true,
      zone: 'mesh.internal',
      ipam: settings.ipam?.({ index: this.index, targets: this.#named, arrival: this.arrival }),
      device: 'ethmesh',
      legDevice: 'mesh',
      targets,
      launchId: `launch-${this.#launches}`,
      boot: `${wall}-${this.index}-${this.epoch}`,
      seed: settings.seed * 4_096 + this.index + this.epoch * 2 ** 32,
      records: new Map(this.disk.durable),
    };
  }
}
