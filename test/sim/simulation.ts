import type { PeerId } from '../../src/core/address.ts';
import type { Random } from '../../src/core/host/random.ts';
import type { Effect, Input, Millis } from '../../src/core/host/step.ts';
import { type Counters, createCounters, type Sight } from './counters.ts';
import { SimulatedMachine } from './machine.ts';
import { Network, type Packet } from './network.ts';
import { peerOf, type Settings, STREAMS, type Stream, streamOf } from './settings.ts';
import { TimeWheel } from './time-wheel.ts';
import type { Watch } from './watch.ts';

/** Kinds of events. */
export const MESSAGE = 0;
const TICK = 1;
const CALL = 2;
const INPUT = 3;

/** Something durable is under way, of whatever kind, or something in the kernel. */
export type WeakSpot = 'persist' | 'grant' | 'promise' | 'plumb';

/** Machines, the network between them, and one order of events: the same settings give the same run. */
export class Simulation {
  readonly settings: Settings;
  readonly wheel = new TimeWheel();
  readonly network: Network;
  readonly machines: SimulatedMachine[] = [];
  readonly counters: Counters = createCounters();
  readonly random: Readonly<Record<Stream, Random>>;
  watch: Watch | undefined;
  /** Called at each weak spot: something is under way, and ends after `delay`. */
  onWeakSpot: ((machine: SimulatedMachine, spot: WeakSpot, delay: Millis) => void) | undefined;
  events = 0;
  #trace = 0x811c9dc5;
  #sandboxes = 0;
  readonly #byAddress = new Map<string, SimulatedMachine>();
  readonly #byPeer = new Map<PeerId, SimulatedMachine>();
  readonly #handle = (kind: number, a: number, b: number, payload: unknown): void =>
    this.#take(kind, a, b, payload);

  constructor(settings: Settings, capacity: number) {
    this.settings = settings;
    this.network = new Network(this, capacity);
    this.random = Object.fromEntries(
      STREAMS.map(name => [name, streamOf(settings.seed, name)]),
    ) as unknown as Record<Stream, Random>;
  }

  get now(): Millis {
    return this.wheel.now;
  }

  /** One number over all that has happened. */
  get trace(): number {
    return this.#trace >>> 0;
  }

  /** Peers that a machine was before it lost its memory: they never come back. */
  readonly gone = new Set<PeerId>();

  /** The machine has forgotten who it was, and begins as somebody else. */
  rename(machine: SimulatedMachine): void {
    this.gone.add(machine.peer);
    // Its new id may be above or below those of the others: ties are broken by it.
    const kind = this.gone.size % 2 === 0 ? '12D3KooV' : '12D3KooX';
    machine.peer = `${kind}${String(this.gone.size).padStart(44, '0')}` as PeerId;
    this.#byPeer.set(machine.peer, machine);
  }

  /** A machine without a router as yet. A second one of the same `peer` is its clone. */
  add(peer?: PeerId): SimulatedMachine {
    const index = this.machines.length;
    const machine = new SimulatedMachine(this, index, peer ?? peerOf(index));
    this.machines.push(machine);
    this.#byAddress.set(machine.address, machine);
    if (!this.#byPeer.has(machine.peer)) this.#byPeer.set(machine.peer, machine);
    return machine;
  }

  at(address: string): SimulatedMachine | undefined {
    return this.#byAddress.get(address);
  }

  byPeer(peer: PeerId): SimulatedMachine | undefined {
    return this.#byPeer.get(peer);
  }

  /** Carries out the next event that is due by `end`. */
  step(end: Millis): boolean {
    return this.wheel.step(end, this.#handle);
  }

  run(duration: Millis): void {
    const end = this.now + duration;
    while (this.step(end));
  }

  after(delay: Millis, call: () => void): void {
    this.wheel.schedule(delay, CALL, 0, 0, call);
  }

  /** An input for the router that runs now; lost if that ends before. */
  later(machine: SimulatedMachine, delay: Millis, input: Input): void {
    this.wheel.schedule(delay, INPUT, machine.index, machine.epoch, input);
  }

  wake(machine: SimulatedMachine, delay: Millis): void {
    this.wheel.schedule(delay, TICK, machine.index, machine.wakeNumber, undefined);
  }

  stepped(machine: SimulatedMachine, input: Input, effects: readonly Effect[]): void {
    this.#mix(this.now);
    this.#mix(machine.index * 64 + effects.length);
    if (input.kind === 'message') this.#mix(input.bytes.length);
    for (const effect of effects) {
      if (effect.kind === 'send' || effect.kind === 'broadcast') this.#mix(effect.bytes.length);
    }
    this.watch?.stepped(machine, input, effects);
  }

  saw(sight: Sight, times = 1): void {
    this.counters.set(sight, (this.counters.get(sight) ?? 0) + times);
  }

  nextSandbox(): string {
    this.#sandboxes += 1;
    return `/run/netns/${this.#sandboxes}`;
  }

  syncDelay(): Millis {
    const { syncMs } = this.settings;
    return syncMs === 0 ? 0 : syncMs * (0.5 + this.random.disk.fraction());
  }

  plumbDelay(): Millis {
    return this.settings.syncMs === 0 ? 1 : 1 + 9 * this.random.kernel.fraction();
  }

  applyDelay(): Millis {
    return this.settings.syncMs === 0 ? 0 : 5 + 10 * this.random.kernel.fraction();
  }

  weakSpot(machine: SimulatedMachine, spot: WeakSpot, delay: Millis): void {
    this.onWeakSpot?.(machine, spot, delay);
  }

  /** The same message as a later version would write it: another number, and a field behind those that we know. */
  laterForm(bytes: Uint8Array): Uint8Array {
    const changed = new Uint8Array(bytes.length + 3);
    changed.set(bytes);
    changed[0] = 2;
    changed.fill(7, bytes.length);
    return changed;
  }

  #take(kind: number, a: number, b: number, payload: unknown): void {
    this.events += 1;
    const machine = this.machines[a];
    if (kind === CALL) return (payload as () => void)();
    if (machine === undefined) throw new RangeError(`no machine ${a}`);
    if (kind === MESSAGE) this.network.arrive(machine, this.machines[b]!, payload as Packet);
    else if (kind === TICK) machine.tick(b);
    else if (machine.epoch === b) machine.deliver(payload as Input);
  }

  #mix(number: number): void {
    this.#trace = Math.imul(this.#trace ^ number, 0x01000193);
    this.#trace ^= this.#trace >>> 15;
  }
}
