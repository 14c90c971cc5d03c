import { createHash } from 'node:crypto';
import { createEmitter } from '../../src/adapters/libp2p/emitter.ts';
import { MAX_BROADCAST, MAX_MESSAGE } from '../../src/adapters/libp2p/limits.ts';
import type { PeerId } from '../../src/core/address.ts';
import { ok, type Problem, refuse } from '../../src/core/errors.ts';
import type { Transport, TransportEvent } from '../../src/ports/transport.ts';

export interface FakeRouterOptions {
  readonly id: PeerId;
  /** HOST:PORT it listens on. */
  readonly address: string;
  readonly password?: string | undefined;
  /** Empty for anyone. */
  readonly trusted?: readonly string[];
}

/** Whether this message is lost; asked for each hop, of broadcasts too. */
export type Loss = (from: PeerId, to: PeerId, bytes: Uint8Array) => boolean;

export interface FakeNetwork {
  transport(options: FakeRouterOptions): Transport;
  /** Nothing passes between these two from now on; a connection between them is lost, a dial times out. */
  cut(a: PeerId, b: PeerId): void;
  heal(): void;
  /** How many connections there are between these two. */
  connections(a: PeerId, b: PeerId): number;
  lose(loss: Loss): void;
}

interface Router {
  readonly options: FakeRouterOptions;
  readonly links: Map<PeerId, Router>;
  readonly seen: Set<string>;
  readonly dialling: Set<string>;
  readonly emit: (event: TransportEvent) => unknown;
  /** Until when who is refused. */
  readonly refused: Map<PeerId, number>;
}

const pair = (a: PeerId, b: PeerId): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

/** Routers of one process, joined by nothing but function calls; everything takes one turn of the event loop. */
export function createFakeNetwork(): FakeNetwork {
  const listening = new Map<string, Router>();
  const cuts = new Set<string>();
  let lost: Loss = () => false;
  let ports = 40_000;

  function passes(from: Router, to: Router, bytes: Uint8Array): boolean {
    return !cuts.has(pair(from.options.id, to.options.id)) && !lost(from.options.id, to.options.id, bytes);
  }

  /** The other end hears of it a turn later, after what was sent before. */
  function unlink(a: Router, b: Router, reason: string, reasonThere: string): void {
    if (!a.links.delete(b.options.id)) return;
    a.emit({ kind: 'peer-down', peer: b.options.id, reason });
    setImmediate(() => {
      if (b.links.delete(a.options.id))
        b.emit({ kind: 'peer-down', peer: a.options.id, reason: reasonThere });
    });
  }

  function link(dialler: Router, listener: Router, address: string): void {
    dialler.links.set(listener.options.id, listener);
    listener.links.set(dialler.options.id, dialler);
    ports += 1;
    const from = `${dialler.options.address.split(':')[0]}:${ports}`;
    dialler.emit({ kind: 'peer-up', peer: listener.options.id, address, outbound: true });
    listener.emit({ kind: 'peer-up', peer: dialler.options.id, address: from, outbound: false });
  }

  function obstacle(from: Router, to: Router | undefined, peer: string): Problem | undefined {
    if (to === undefined) return { code: 'peer-refused', peer };
    const [mine, theirs] = [from.options, to.options];
    if (cuts.has(pair(mine.id, theirs.id))) return { code: 'peer-timeout', peer };
    if (mine.password !== theirs.password) return { code: 'peer-wrong-password', peer };
    if (mine.id === theirs.id) return { code: 'peer-is-self', peer };
    if (!trusts(mine, theirs.id)) return { code: 'peer-not-pinned', peer, id: theirs.id };
    if (refuses(from, to) || refuses(to, from)) return { code: 'peer-failed', peer, why: 'it is refused' };
    if (!trusts(theirs, mine.id)) return { code: 'peer-failed', peer, why: 'it does not trust this router' };
    return undefined;
  }

  function dial(router: Router, address: string): void {
    router.dialling.delete(address);
    if (listening.get(router.options.address) !== router) return;
    const to = listening.get(address);
    const problem = obstacle(router, to, address);
    if (problem !== undefined) router.emit({ kind: 'dial-failed', address, problem });
    else if (to !== undefined && !router.links.has(to.options.id)) link(router, to, address);
  }

  /** Hands a broadcast to all neighbours, who do the same, each once. */
  function spread(router: Router, bytes: Uint8Array, key: string): void {
    router.seen.add(key);
    for (const neighbour of router.links.values()) {
      setImmediate(() => {
        if (
          !neighbour.links.has(router.options.id) ||
          !passes(router, neighbour, bytes) ||
          neighbour.seen.has(key)
        )
          return;
        neighbour.seen.add(key);
        const said = neighbour.emit({ kind: 'message', from: router.options.id, bytes });
        if (said !== false) spread(neighbour, bytes, key);
      });
    }
  }

  function transport(options: FakeRouterOptions): Transport {
    const events = createEmitter();
    const router: Router = {
      options,
      links: new Map(),
      seen: new Set(),
      dialling: new Set(),
      refused: new Map(),
      emit: events.emit,
    };
    return {
      self: options.id,
      async start(listener) {
        if (listening.has(options.address)) {
          return refuse({
            code: 'port-in-use',
            port: Number(options.address.split(':')[1]),
            protocol: 'tcp',
          });
        }
        listening.set(options.address, router);
        events.start(listener);
        return ok(undefined);
      },
      async stop() {
        events.stop();
        if (listening.get(options.address) === router) listening.delete(options.address);
        for (const peer of [...router.links.values()])
          unlink(router, peer, 'stopped', 'it closed the connection');
      },
      dial(address) {
        if (!/^[^:\s]+:\d+$/.test(address)) {
          events.emit({ kind: 'dial-failed', address, problem: { code: 'bad-peer', value: address } });
        } else if (!router.dialling.has(address)) {
          router.dialling.add(address);
          setImmediate(() => dial(router, address));
        }
      },
      hangUp(peer, reason, refuseMs = 0) {
        if (refuseMs > 0) router.refused.set(peer, performance.now() + refuseMs);
        const other = router.links.get(peer);
        if (other !== undefined) unlink(router, other, reason, 'it closed the connection');
      },
      broadcast(bytes) {
        checkLength(bytes, MAX_BROADCAST);
        const key = createHash('sha256').update(bytes).digest('hex');
        if (!router.seen.has(key)) spread(router, new Uint8Array(bytes), key);
      },
      send(to, bytes) {
        checkLength(bytes, MAX_MESSAGE);
        const other = router.links.get(to);
        if (other === undefined || bytes.length === 0) return;
        const copy = new Uint8Array(bytes);
        setImmediate(() => {
          if (!other.links.has(options.id) || !passes(router, other, copy)) return;
          other.emit({ kind: 'message', from: options.id, bytes: copy });
        });
      },
    };
  }

  return {
    transport,
    cut(a, b) {
      cuts.add(pair(a, b));
      const routers = [...listening.values()];
      const other = routers.find(({ options }) => options.id === b);
      for (const router of routers) {
        if (router.options.id === a && other !== undefined) {
          unlink(router, other, 'the connection was lost', 'the connection was lost');
        }
      }
    },
    heal: () => cuts.clear(),
    connections: (a, b) =>
      [...listening.values()].filter(({ options, links }) => options.id === a && links.has(b)).length,
    lose(loss) {
      lost = loss;
    },
  };
}

const trusts = ({ trusted }: FakeRouterOptions, id: PeerId): boolean =>
  trusted === undefined || trusted.length === 0 || trusted.includes(id);

const refuses = (router: Router, other: Router): boolean =>
  performance.now() < (router.refused.get(other.options.id) ?? 0);

function checkLength(bytes: Uint8Array, limit: number): void {
  if (bytes.length > limit)
    throw new RangeError(`${bytes.length} bytes are more than a message may have (${limit})`);
}
