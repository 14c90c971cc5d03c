import type { PeerId } from '../../src/core/address.ts';
import { endpointKey } from '../../src/core/endpoints/endpoint.ts';
import type { Problem, Result } from '../../src/core/errors.ts';
import type { Forwarding, Station } from '../../src/core/forwarding.ts';
import type { Command, Effect, Input, Reply } from '../../src/core/host/step.ts';
import { compareHeads } from '../../src/core/replica/fact.ts';
import type { Change, Head } from '../../src/core/replica.ts';
import { type Attached, attachedOn, knowsOthers, storedSeq } from './disk-facts.ts';
import type { SimulatedMachine } from './machine.ts';
import { placeOf } from './places.ts';
import { Shadow } from './shadow.ts';
import { sharedDecode } from './shared-decode.ts';
import type { Simulation } from './simulation.ts';
import { ToldHeads } from './told.ts';
import { isFairHangUp, Violation, type Watch } from './watch.ts';

const HEARTBEAT = 3;
/** A router that knows of others writes nothing for so long, unless one of them answers. */
const ALONE_MS = 3_000;
/** More effects than this out of one input, and something feeds on itself. */
const EFFECTS_MAX = 400;
const EFFECTS_PER_HOST = 20;
/** Inputs pile up behind a slow disk, but not without end. */
const QUEUE_MAX = 20_000;

/** How often all is looked at where events are checked by what they change. */
const WHOLE_EVERY_MS = 10_000;

/** What must hold after every event. */
export class Checks implements Watch {
  readonly shadows = new Map<SimulatedMachine, Shadow>();
  readonly told = new ToldHeads();
  /** Owners whose numbers may be used twice: they are cloned, or wrote alone after their disk went back. */
  readonly tangled = new Set<PeerId>();
  /** Machines whose disk was set back since the router last ran. */
  readonly tampered = new Set<SimulatedMachine>();
  /** What users were told is attached; and what is not, by `network/container address`. */
  readonly attached = new Map<SimulatedMachine, Map<string, boolean>>();
  /** Containers that somebody asked to detach, and has no answer yet. */
  readonly #detaching = new Map<string, number>();
  readonly #durable = new Map<SimulatedMachine, number>();
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  starting(machine: SimulatedMachine): void {
    const shadow = new Shadow();
    shadow.startedAt = machine.now;
    shadow.latest = machine.now;
    shadow.hopeful = knowsOthers(machine.disk.durable);
    this.shadows.set(machine, shadow);
    shadow.storedOwn = storedSeq(machine.disk.durable);
    shadow.toldOwn = this.told.highest(machine.peer);
    this.#durable.set(machine, shadow.storedOwn);
    const attached = attachedOn(machine.disk.durable);
    if (!this.tampered.delete(machine)) this.#compareAttached(machine, attached);
    const promised = new Map<string, boolean>();
    for (const { network, container, addresses } of attached) {
      for (const address of addresses) promised.set(`${network}/${container} ${address}`, true);
    }
    this.attached.set(machine, promised);
    for (const key of this.#detaching.keys())
      if (key.startsWith(`${machine.index} `)) this.#detaching.delete(key);
  }

  changed(machine: SimulatedMachine, change: Change): void {
    const shadow = this.shadows.get(machine)!;
    const before = this.#holds(machine, shadow, change);
    const wrong = shadow.learn(change);
    if (wrong !== undefined && !this.tangled.has(change.owner)) this.#fail(machine, wrong);
    const after = this.#holds(machine, shadow, change);
    if (before !== after && after !== undefined) {
      this.#simulation.saw(after ? 'conflict won' : 'conflict lost');
      if (before === true) this.#simulation.saw('address given back by conflict');
    }
  }

  stepped(machine: SimulatedMachine, input: Input, effects: readonly Effect[]): void {
    const shadow = this.shadows.get(machine);
    if (shadow !== undefined) shadow.latest = Math.max(shadow.latest, machine.now);
    const limit = EFFECTS_MAX + EFFECTS_PER_HOST * this.#simulation.machines.length;
    // Answers aside: as many commands as waited may have theirs at once, and each has only one.
    const count = effects.reduce((sum, { kind }) => sum + (kind === 'reply' ? 0 : 1), 0);
    if (count > limit) this.#fail(machine, `${count} effects out of one ${input.kind}`);
    if (machine.queued > QUEUE_MAX) this.#fail(machine, `${machine.queued} effects wait`);
    if (input.kind === 'command') this.#asked(machine, input.command);
    for (const [index, effect] of effects.entries()) {
      if (effect.kind === 'plumb' && isLast(effects, index, effect.attachment))
        this.#plumbing(machine, effect);
      else if (effect.kind === 'unplumb') this.#unplumbing(machine, input, effect);
    }
    this.#compareHeads(machine, input);
    this.#compareNews(machine);
  }

  durable(machine: SimulatedMachine): void {
    this.#durable.set(machine, storedSeq(machine.disk.durable));
  }

  telling(machine: SimulatedMachine, bytes: Uint8Array): void {
    if (bytes[1] === HEARTBEAT) return;
    const message = sharedDecode(bytes);
    if (message?.kind === 'digest') {
      for (const head of message.heads) if (head.owner === machine.peer) this.#tellsOwn(machine, head);
    } else if (message?.kind === 'deltas') {
      for (const { head } of message.deltas) if (head.owner === machine.peer) this.#tellsOwn(machine, head);
    }
  }

  arriving(to: SimulatedMachine, _from: SimulatedMachine, bytes: Uint8Array): void {
    if (bytes[1] === HEARTBEAT || to.paused) return;
    const message = sharedDecode(bytes);
    if (message?.kind === 'unknown') this.#simulation.saw('unknown message');
    const shadow = this.shadows.get(to)!;
    if (message?.kind === 'digest') shadow.synced ||= message.heads.some(({ owner }) => owner === to.peer);
    if (message?.kind !== 'deltas') return;
    if (message.reply) shadow.synced = true;
    for (const { after, head, snapshot } of message.deltas) {
      if (head.owner === to.peer) {
        shadow.shownOwn = Math.max(shadow.shownOwn, head.upto);
        // What is answered at once, also where it came by gossip: others hold more of ours than we do.
        shadow.synced ||= head.upto > shadow.storedOwn;
      }
      const upto = to.host!.facts.head(head.owner)?.upto ?? 0;
      if (!snapshot && after > upto) this.#simulation.saw('early delta');
      if (snapshot && head.upto > upto) this.#simulation.saw('snapshot taken');
      if (snapshot && head.upto > upto && upto > 0) this.#simulation.saw('deletion floor passed');
    }
  }

  applied(machine: SimulatedMachine, forwarding: Forwarding): void {
    if (machine.host?.state !== 'ready') return;
    const shadow = this.shadows.get(machine)!;
    const count = this.#compareTouched(machine, shadow, forwarding);
    if (count !== shadow.stationCount) {
      this.#fail(machine, `forwards to ${count} stations instead of ${shadow.stationCount}`);
    }
    if (this.#simulation.now - shadow.stationsAt < WHOLE_EVERY_MS) return;
    shadow.stationsAt = this.#simulation.now;
    this.compareStations(machine, forwarding);
  }

  /** Where no forwarding was asked for, the kernel must hold already what the facts say. */
  #compareNews(machine: SimulatedMachine): void {
    const shadow = this.shadows.get(machine)!;
    if (!shadow.hasNews || machine.host?.state !== 'ready' || machine.willForward) return;
    this.#compareTouched(machine, shadow, machine.kernel);
  }

  /** The stations of which something was learnt; gives how many there are in all. */
  #compareTouched(machine: SimulatedMachine, shadow: Shadow, forwarding: Forwarding): number {
    const stations = forwarding.networks.find(({ name }) => name === 'mesh')?.stations ?? [];
    for (const [address, should] of shadow.news(machine.peer)) {
      const place = placeOf(stations, address);
      const is = stations[place]?.address === address ? lineOf(stations[place]) : undefined;
      if (is !== should) this.#fail(machine, `forwards to ${is}, but the facts say ${should}`);
    }
    return stations.length;
  }

  /** All stations, and not only those of which something was learnt. */
  compareStations(machine: SimulatedMachine, forwarding: Forwarding): void {
    const stations = forwarding.networks.find(({ name }) => name === 'mesh')?.stations ?? [];
    const is = new Map(stations.map(station => [station.address as string, lineOf(station)]));
    if (is.size < stations.length) this.#fail(machine, 'one address at two stations');
    let count = 0;
    for (const [address, should] of this.shadows.get(machine)!.stations(machine.peer)) {
      count += 1;
      if (is.get(address) !== should)
        this.#fail(machine, `forwards to ${is.get(address)}, but the facts say ${should}`);
    }
    if (count !== is.size) this.#fail(machine, `forwards to ${is.size} stations, but the facts say ${count}`);
  }

  replied(machine: SimulatedMachine, command: Command, result: Result<Reply>): void {
    if (!result.ok) {
      if (command.kind === 'detach') this.#count(machine, command.container, -1);
      if (command.kind === 'attach') this.#simulation.saw('attach refused');
      return;
    }
    const attached = this.attached.get(machine)!;
    if (command.kind === 'detach') this.#count(machine, command.container, -1);
    if (command.kind === 'leave') {
      attached.clear();
      return this.#simulation.saw('left');
    }
    if (command.kind !== 'attach' && command.kind !== 'detach')
      return this.#simulation.saw('targets changed');
    this.#simulation.saw(command.kind === 'attach' ? 'attached' : 'detached');
    const container = command.kind === 'attach' ? command.container.id : command.container;
    if ((this.#detaching.get(`${machine.index} ${container}`) ?? 0) > 0) return;
    for (const address of result.value.addresses) {
      attached.set(`${command.network}/${container} ${address}`, command.kind === 'attach');
    }
  }

  hangingUp(machine: SimulatedMachine, reason: string): void {
    if (!isFairHangUp(reason)) this.#fail(machine, `gave up a connection: ${reason}`);
  }

  halted(machine: SimulatedMachine, problem: Problem): void {
    const isClone = this.#simulation.machines.some(other => other !== machine && other.peer === machine.peer);
    if (problem.code !== 'identity-cloned' || !isClone) this.#fail(machine, `halted: ${problem.code}`);
    this.#simulation.saw('clone halted');
  }

  logged(_machine: SimulatedMachine, message: string): void {
    if (message.startsWith('own facts issued anew')) this.#simulation.saw('rebase');
  }

  /** What is being taken away may be gone before anybody is told so. */
  #asked(machine: SimulatedMachine, command: Command): void {
    if (command.kind === 'leave') this.attached.get(machine)!.clear();
    else if (command.kind === 'detach') {
      this.released(machine, command.container);
      this.#count(machine, command.container, 1);
    }
  }

  /** A container was removed: what was promised about it holds no more. */
  released(machine: SimulatedMachine, container: string): void {
    const attached = this.attached.get(machine);
    for (const key of attached?.keys() ?? []) if (key.includes(`/${container} `)) attached!.delete(key);
  }

  #count({ index }: SimulatedMachine, container: string, by: 1 | -1): void {
    const key = `${index} ${container}`;
    this.#detaching.set(key, (this.#detaching.get(key) ?? 0) + by);
  }

  #tellsOwn(machine: SimulatedMachine, head: Head): void {
    if (head.upto === 0) return;
    if (head.upto > (this.#durable.get(machine) ?? 0)) {
      this.#fail(machine, `told seq ${head.upto} before it was durable`);
    }
    const shadow = this.shadows.get(machine)!;
    const isNew = head.upto > shadow.storedOwn;
    if (isNew && shadow.hopeful && !shadow.synced && shadow.latest - shadow.startedAt < ALONE_MS) {
      this.#fail(machine, `told seq ${head.upto} before it had heard anybody`);
    }
    if (this.told.add(head)) return;
    const isClone = this.#simulation.machines.some(other => other !== machine && other.peer === machine.peer);
    if (!isClone && (shadow.shownAt.get(head.upto) ?? 0) >= head.upto)
      this.#fail(machine, `told another seq ${head.upto}`);
    this.tangled.add(head.owner);
  }

  /**
   * Only where something changed: no head of anybody may go back, and each must be one that its owner told. After a
   * message those that it is about are looked at, and now and then all.
   */
  #compareHeads(machine: SimulatedMachine, input: Input): void {
    const { facts } = machine.host!;
    const shadow = this.shadows.get(machine)!;
    const fingerprint = facts.fingerprint();
    if (fingerprint === shadow.fingerprint) return;
    shadow.fingerprint = fingerprint;
    const message = input.kind === 'message' ? sharedDecode(input.bytes) : undefined;
    if (message?.kind !== 'deltas' || this.#simulation.now - shadow.headsAt >= WHOLE_EVERY_MS) {
      return this.compareAllHeads(machine);
    }
    this.#compareHead(machine, shadow, machine.peer);
    for (const { head } of message.deltas) this.#compareHead(machine, shadow, head.owner);
  }

  compareAllHeads(machine: SimulatedMachine): void {
    const shadow = this.shadows.get(machine)!;
    shadow.headsAt = this.#simulation.now;
    for (const owner of machine.host!.facts.owners()) this.#compareHead(machine, shadow, owner);
  }

  #compareHead(machine: SimulatedMachine, shadow: Shadow, owner: PeerId): void {
    const head = machine.host!.facts.head(owner);
    const before = shadow.heads.get(owner);
    if (before === head || head === undefined) return;
    if (before !== undefined && compareHeads(head, before) < 0) {
      this.#fail(machine, `head of ${owner} went back from ${before.upto} to ${head.upto}`);
    }
    if (owner !== machine.peer && !this.told.has(head)) {
      this.#fail(machine, `holds seq ${head.upto} of ${owner}, which never told it`);
    }
    shadow.heads.set(owner, head);
    if (owner === machine.peer) this.#wroteOwn(machine, shadow, before?.upto ?? 0, head.upto);
  }

  /** Who wrote alone after its disk went back has used numbers twice, whether or not it tells each of them again. */
  #wroteOwn({ peer }: SimulatedMachine, shadow: Shadow, before: number, upto: number): void {
    shadow.shownAt.set(upto, shadow.shownOwn);
    const isUnaware = upto > shadow.storedOwn && Math.max(before, shadow.shownOwn) < shadow.toldOwn;
    if (isUnaware) this.tangled.add(peer);
  }

  /** Whether this machine has the contested address of a change; undefined where it isn't contested by it. */
  #holds({ peer }: SimulatedMachine, shadow: Shadow, { domain, key }: Change): boolean | undefined {
    const claims = domain === 'endpoints' ? shadow.claims.get(key) : undefined;
    if (claims === undefined || !claims.some(({ owner }) => owner === peer)) return undefined;
    if (claims.length === 1) return true;
    return claims[0]!.owner === peer;
  }

  #plumbing(machine: SimulatedMachine, { attachment }: Extract<Effect, { kind: 'plumb' }>): void {
    const shadow = this.shadows.get(machine)!;
    for (const { address } of attachment.addresses) {
      const holder = shadow.holder(endpointKey(attachment.network, address));
      if (holder === undefined || holder.owner === machine.peer) continue;
      this.#fail(machine, `plumbs ${address} for ${attachment.container}, but ${holder.owner} has it`);
    }
  }

  /** A running container keeps its interface while it holds an address in the eyes of its own host. */
  #unplumbing(machine: SimulatedMachine, input: Input, effect: Extract<Effect, { kind: 'unplumb' }>): void {
    if (input.kind === 'command' || input.kind === 'adopted') return;
    const key = `${effect.network}/${effect.container}`;
    const sandbox = this.#simulation.machines[machine.index]!.running.get(effect.container);
    if (sandbox === undefined || machine.plumbed.get(key)?.sandbox !== sandbox) return;
    for (const [promise, isAttached] of this.attached.get(machine)!) {
      const [name, address = ''] = promise.split(' ');
      const holder = this.shadows.get(machine)!.holder(`${effect.network}/${address}`);
      const isHeld = holder?.owner === machine.peer && holder.endpoint.container === effect.container;
      if (name === key && isAttached && isHeld)
        this.#fail(machine, `takes ${address} from ${key}, which holds it`);
    }
  }

  #compareAttached(machine: SimulatedMachine, stored: readonly Attached[]): void {
    const have = new Set(
      stored.flatMap(({ network, container, addresses }) =>
        addresses.map(address => `${network}/${container} ${address}`),
      ),
    );
    for (const [key, isAttached] of this.attached.get(machine) ?? []) {
      const container = key.slice(key.indexOf('/') + 1, key.indexOf(' '));
      // One that was removed meanwhile is let go of.
      const exists = machine.running.has(container) || machine.stopped.has(container);
      if (isAttached && exists && !have.has(key))
        this.#fail(machine, `${key} was attached, and is not on disk`);
    }
  }

  #fail(machine: SimulatedMachine, what: string): never {
    throw new Violation(`${Math.round(this.#simulation.now)} ms, host ${machine.index + 1}: ${what}`);
  }
}

/** Whether nothing later in the same step plumbs or unplumbs the same container: it decides on what it knew then. */
function isLast(
  effects: readonly Effect[],
  index: number,
  { container, network }: { readonly container: string; readonly network: string },
): boolean {
  return !effects.slice(index + 1).some(effect => {
    const other =
      effect.kind === 'plumb' ? effect.attachment : effect.kind === 'unplumb' ? effect : undefined;
    return other?.container === container && other.network === network;
  });
}

const lineOf = ({ address, mac, vtep }: Station): string => `${address} ${mac} ${vtep.address}:${vtep.port}`;
