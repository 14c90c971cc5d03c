import type { PeerId } from '../core/address.ts';
import type { Result } from '../core/errors.ts';
import type { Command, Effect, Input, Reply } from '../core/host/step.ts';
import type { Host } from '../core/host.ts';
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
  readonly halt: (problem: Extract<Effect, { kind: 'halt' }>['problem']) => void;
  /** Called when an effect has been carried out; tests end the process here. */
  readonly after?: (effect: Effect) => void;
}

export interface Loop {
  deliver(input: Input): void;
  /** Hands a command to the host and resolves with its reply. */
  ask(command: Command): Promise<Result<Reply>>;
  /** Resolves when all effects so far have been carried out. */
  drained(): Promise<void>;
  stop(): void;
}

/** Feeds inputs to the host and carries its effects out, in their order; what follows a `persist` waits for the disk. */
export function createLoop(host: Host, ports: LoopPorts): Loop {
  const { clock, store, log } = ports;
  const queue: Effect[] = [];
  const replies = new Map<number, (result: Result<Reply>) => void>();
  let tickets = 0;
  let cancelWake = (): void => {};
  let running: Promise<void> | undefined;
  let trouble = store.trouble();
  let stopped = false;

  function deliver(input: Input): void {
    if (stopped) return;
    queue.push(...host.step(input, clock.now()));
    running ??= run();
  }

  async function run(): Promise<void> {
    while (queue.length > 0 && !stopped) {
      const effect = queue.shift()!;
      try {
        const pending = effect.kind === 'persist' ? persist(effect) : carryOut(effect);
        if (pending !== undefined) await pending;
      } catch (error) {
        log.error('an effect could not be carried out', { effect: effect.kind, error: String(error) });
      }
      ports.after?.(effect);
    }
    running = undefined;
  }

  /** One fsync serves every `persist` that is waiting: later ones are on disk earlier than they have to be. */
  async function persist(first: Extract<Effect, { kind: 'persist' }>): Promise<void> {
    const records = new Map(first.records);
    for (const [index, effect] of queue.entries()) {
      if (effect.kind !== 'persist') continue;
      for (const [key, value] of effect.records) records.set(key, value);
      queue[index] = { kind: 'persist', records: new Map() };
    }
    if (records.size > 0) await store.commit(records);
    const now = store.trouble();
    if (now?.code !== trouble?.code) {
      trouble = now;
      deliver({ kind: 'store-trouble', problem: now });
    }
  }

  function carryOut(effect: Exclude<Effect, { kind: 'persist' }>): Promise<void> | undefined {
    switch (effect.kind) {
      case 'save':
        void store.commit(effect.records);
        return undefined;
      case 'broadcast':
        ports.transport.broadcast(effect.bytes);
        return undefined;
      case 'send':
        ports.transport.send(effect.to, effect.bytes);
        return undefined;
      case 'connect':
        ports.transport.dial(effect.address);
        return undefined;
      case 'hang-up':
        log.warn('connection given up', { peer: effect.peer, reason: effect.reason });
        ports.transport.hangUp(effect.peer, effect.reason);
        return undefined;
      case 'plumb':
        return plumb(effect);
      case 'unplumb':
        return ports.dataplane.unplumb(effect.network, effect.container);
      case 'forward':
        return forward();
      case 'probe':
        void probe(effect);
        return undefined;
      case 'follow':
        ports.follow(effect.container);
        return undefined;
      case 'reply':
        replies.get(effect.ticket)?.(effect.result);
        replies.delete(effect.ticket);
        return undefined;
      case 'log':
        log[effect.level](effect.message, effect.data);
        return undefined;
      case 'wake':
        cancelWake();
        cancelWake = clock.after(Math.max(0, effect.at - clock.now()), () => deliver({ kind: 'tick' }));
        return undefined;
      case 'halt':
        ports.halt(effect.problem);
        return undefined;
    }
  }

  async function plumb({ attachment }: Extract<Effect, { kind: 'plumb' }>): Promise<void> {
    const result = await ports.dataplane.plumb(attachment);
    deliver({ kind: 'plumbed', network: attachment.network, container: attachment.container, result });
  }

  async function forward(): Promise<void> {
    if (queue.some(effect => effect.kind === 'forward')) return;
    const result = await ports.dataplane.apply(host.forwarding());
    if (!result.ok)
      log.warn('the kernel refused a part of the forwarding; it is tried again', result.problem);
  }

  async function probe({
    peer,
    address,
    size,
  }: { peer: PeerId } & Extract<Effect, { kind: 'probe' }>): Promise<void> {
    const { alive, rttMs } = await ports.dataplane.probe(address, size);
    deliver({ kind: 'path-measured', peer, size, alive, rttMs });
  }

  return {
    deliver,
    ask(command) {
      tickets += 1;
      const ticket = tickets;
      return new Promise(resolve => {
        replies.set(ticket, resolve);
        deliver({ kind: 'command', ticket, command });
      });
    },
    async drained() {
      while (running !== undefined) await running;
    },
    stop() {
      stopped = true;
      cancelWake();
    },
  };
}
