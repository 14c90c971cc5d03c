import type { Attachment } from '../core/endpoints/attachment.ts';
import type { Problem, Result } from '../core/errors.ts';
import type { Forwarding } from '../core/forwarding.ts';
import type { Membership } from '../core/host/memberships.ts';
import type { Command, Effect, Input, Millis, Records, Reply } from '../core/host/step.ts';
import type { Host } from '../core/host.ts';
import type { NameRecord } from '../core/names/view.ts';
import type { Network } from '../core/networks/network.ts';
import type { Clock } from '../ports/clock.ts';
import type { Dataplane } from '../ports/dataplane.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { Transport } from '../ports/transport.ts';

export interface LoopPorts {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly dataplane: Dataplane;
  readonly store: Store;
  readonly log: Log;
  /** Looks after a container from now on; its state comes as inputs. */
  readonly follow: (container: string) => void;
  readonly halt: (problem: Problem) => void;
  readonly publish: (records: readonly NameRecord[]) => void;
  /** These are all containers here that are on several networks. */
  readonly memberships: (memberships: readonly Membership[]) => void;
  /** These are all networks now. */
  readonly networks: (networks: readonly Network[]) => void;
  /** The kernel has been brought to this, as far as it could be. */
  readonly forwarded: (forwarding: Forwarding) => void;
  /** Called when an effect has been carried out; tests end the process here. */
  readonly after?: (effect: Effect) => void;
}

/** Feeds inputs to the host and carries its effects out, in their order; what follows a `persist` waits for the disk. */
export class Loop {
  readonly #host: Host;
  readonly #ports: LoopPorts;
  readonly #queue: Exclude<Effect, { kind: 'withhold' }>[] = [];
  readonly #replies = new Map<number, (result: Result<Reply>) => void>();
  /** Names of what the kernel is still to forward to: a later `forward` does that. */
  #unpublished: NameRecord[] = [];
  #tickets = 0;
  /** A `forward` was left out for one that comes soon. */
  #isBehind = false;
  #busy = false;
  #running: Promise<void> = Promise.resolve();
  #trouble: Problem | undefined;
  #stopped = false;
  #cancelWake = (): void => {};

  constructor(host: Host, ports: LoopPorts) {
    this.#host = host;
    this.#ports = ports;
  }

  /** Gives whether the message that `input` may be is worth handing on. */
  deliver(input: Input): boolean {
    if (this.#stopped) return false;
    const effects = this.#host.step(input, this.#ports.clock.now());
    const withheld = effects.some(({ kind }) => kind === 'withhold');
    for (const effect of effects) if (effect.kind !== 'withhold') this.#queue.push(effect);
    if (!this.#busy) this.#running = this.#run();
    return !withheld;
  }

  /** Hands a command to the host and resolves with its reply. */
  ask(command: Command): Promise<Result<Reply>> {
    this.#tickets += 1;
    const ticket = this.#tickets;
    return new Promise(resolve => {
      this.#replies.set(ticket, resolve);
      this.deliver({ kind: 'command', ticket, command });
    });
  }

  /** Resolves when all effects so far have been carried out. */
  async drained(): Promise<void> {
    while (this.#busy) await this.#running;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelWake();
  }

  async #run(): Promise<void> {
    const { log, after } = this.#ports;
    this.#busy = true;
    for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift()) {
      try {
        const pending = effect.kind === 'persist' ? this.#persist(effect.records) : this.#carryOut(effect);
        if (pending !== undefined) await pending;
      } catch (error) {
        log.error('an effect could not be carried out', { effect: effect.kind, error: String(error) });
      }
      after?.(effect);
    }
    this.#busy = false;
  }

  /** One fsync serves every `persist` that is waiting: later ones are on disk earlier than they have to be. */
  async #persist(first: Records): Promise<void> {
    // An earlier one took it along: what follows it need not wait for those that came since.
    if (first.size === 0) return;
    const records = new Map(first);
    for (const [index, effect] of this.#queue.entries()) {
      if (effect.kind !== 'persist') continue;
      for (const [key, value] of effect.records) records.set(key, value);
      this.#queue[index] = { kind: 'persist', records: new Map() };
    }
    const { store } = this.#ports;
    await store.commit(records);
    const trouble = store.trouble();
    if (trouble?.code === this.#trouble?.code) return;
    this.#trouble = trouble;
    this.deliver({ kind: 'store-trouble', problem: trouble });
  }

  /** Gives a promise only where what follows has to wait for it. */
  #carryOut(effect: Exclude<Effect, { kind: 'persist' | 'withhold' }>): Promise<void> | undefined {
    const { transport, dataplane, log } = this.#ports;
    switch (effect.kind) {
      case 'plumb':
        return this.#plumb(effect.attachment);
      case 'unplumb':
        return dataplane.unplumb(effect.network, effect.container);
      case 'forward':
        return this.#forward();
      case 'publish-names':
        this.#publish(effect.records);
        break;
      case 'memberships':
        this.#ports.memberships(effect.memberships);
        break;
      case 'networks':
        this.#ports.networks(effect.networks);
        break;
      case 'probe':
        void this.#probe(effect);
        break;
      case 'save':
        void this.#ports.store.commit(effect.records);
        break;
      case 'broadcast':
        transport.broadcast(effect.bytes);
        break;
      case 'send':
        transport.send(effect.to, effect.bytes);
        break;
      case 'connect':
        transport.dial(effect.address);
        break;
      case 'hang-up':
        log.warn('connection given up', { peer: effect.peer, reason: effect.reason });
        transport.hangUp(effect.peer, effect.reason, effect.refuseMs);
        break;
      case 'follow':
        this.#ports.follow(effect.container);
        break;
      case 'reply':
        this.#replies.get(effect.ticket)?.(effect.result);
        this.#replies.delete(effect.ticket);
        break;
      case 'log':
        log[effect.level](effect.message, effect.data);
        break;
      case 'wake':
        this.#wake(effect.at);
        break;
      case 'halt':
        this.#ports.halt(effect.problem);
    }
    return undefined;
  }

  #wake(at: Millis): void {
    const { clock } = this.#ports;
    this.#cancelWake();
    this.#cancelWake = clock.after(Math.max(0, at - clock.now()), () => this.deliver({ kind: 'tick' }));
  }

  async #plumb(attachment: Attachment): Promise<void> {
    const result = await this.#ports.dataplane.plumb(attachment);
    const { network, container, sandbox } = attachment;
    this.deliver({ kind: 'plumbed', network, container, sandbox, result });
  }

  /** Several that wait mean one, unless a container has to be plumbed in between, for which the network must be there. */
  async #forward(): Promise<void> {
    const next = this.#queue.find(effect => effect.kind === 'forward' || effect.kind === 'plumb');
    this.#isBehind = next?.kind === 'forward';
    if (this.#isBehind) return;
    const forwarding = this.#host.forwarding();
    const result = await this.#ports.dataplane.apply(forwarding);
    this.#ports.forwarded(forwarding);
    this.#publish([]);
    if (!result.ok)
      this.#ports.log.warn('the kernel refused a part of the forwarding; it is tried again', result.problem);
  }

  /** Forwarding first, name after: what resolves is reachable. */
  #publish(records: readonly NameRecord[]): void {
    this.#unpublished.push(...records);
    if (this.#isBehind || this.#unpublished.length === 0) return;
    this.#ports.publish(this.#unpublished);
    this.#unpublished = [];
  }

  async #probe({ peer, address, size, way, via }: Extract<Effect, { kind: 'probe' }>): Promise<void> {
    const { alive, rttMs } = await this.#ports.dataplane.probe(address, size, via);
    this.deliver({ kind: 'path-measured', peer, way, size, rttMs: alive ? rttMs : undefined });
  }
}
