import { compare, type PeerId } from '../address.ts';
import { type Relay as PortFor, RELAY_PORTS } from '../forwarding.ts';
import type { Relay } from '../paths/route.ts';
import type { Context } from './context.ts';
import type { Millis } from './step.ts';

/** Who says that it relays to `peer`, in a stable order. */
export function relaysTo({ config, topology }: Context, peer: PeerId): readonly Relay[] {
  const relays: Relay[] = [];
  // Who has a connection with it, it says itself; an offer that nobody knows of helps nobody.
  for (const by of topology.connections(peer).keys()) {
    const port = topology.connections(by).get(peer)?.relay;
    const host = topology.host(by);
    if (by === config.self || port === undefined || host === undefined) continue;
    relays.push({ peer: by, vtep: { address: host.vtep.address, port } });
  }
  return relays.sort((a, b) => compare(a.peer, b.peer));
}

/** Who goes by a relay that is offered no more has so long to find that out by itself. */
const LINGER_MS: Millis = 300_000;

interface Given {
  readonly port: number;
  /** Infinite while it is offered. */
  until: Millis;
}

/** The ports at which this host relays. A peer has the same one as long as that is free, also after a restart. */
export class RelayPorts {
  readonly #context: Context;
  readonly #ports = new Map<PeerId, Given>();
  #given: readonly PortFor[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  /** What the router before offered: others go by that, whoever this one knows yet. */
  resume(): void {
    const { config, topology } = this.#context;
    const until = this.#context.now() + LINGER_MS;
    for (const [peer, { relay }] of topology.connections(config.self))
      if (relay !== undefined) this.#ports.set(peer, { port: relay, until });
  }

  /** Offered are these peers from now on; gives whether another set is relayed to. */
  offer(peers: ReadonlySet<PeerId>): boolean {
    for (const [peer, given] of this.#ports)
      if (!peers.has(peer) && given.until === Number.POSITIVE_INFINITY)
        given.until = this.#context.now() + LINGER_MS;
    for (const peer of peers) {
      const port = this.#ports.get(peer)?.port ?? this.#free(peer);
      if (port !== undefined) this.#ports.set(peer, { port, until: Number.POSITIVE_INFINITY });
    }
    return this.#review();
  }

  /** The port where others are helped to reach it. */
  of(peer: PeerId): number | undefined {
    const given = this.#ports.get(peer);
    return given?.until === Number.POSITIVE_INFINITY ? given.port : undefined;
  }

  all(): readonly PortFor[] {
    return this.#given;
  }

  /** When the next of those that are offered no more is given up. */
  next(): Millis | undefined {
    const next = Math.min(...[...this.#ports.values()].map(({ until }) => until));
    return Number.isFinite(next) ? next : undefined;
  }

  #review(): boolean {
    const before = this.#given;
    const { now, topology } = this.#context;
    const given: PortFor[] = [];
    for (const [peer, { port, until }] of this.#ports) {
      const to = topology.host(peer)?.vtep;
      if (until <= now() || to === undefined) this.#ports.delete(peer);
      else given.push({ port, to });
    }
    given.sort((a, b) => a.port - b.port);
    const isSame =
      given.length === before.length &&
      given.every(({ port, to }, index) => {
        const other = before[index];
        return port === other?.port && to.address === other.to.address && to.port === other.to.port;
      });
    if (!isSame) this.#given = given;
    return !isSame;
  }

  #free(peer: PeerId): number | undefined {
    const { config } = this.#context;
    const [high = 0, low = 0] = config.crypto.hash(new TextEncoder().encode(`relay ${peer}`));
    const taken = new Set([...this.#ports.values()].map(({ port }) => port));
    const first = high * 256 + low;
    for (let at = 0; at < RELAY_PORTS; at += 1) {
      const port = 1 + ((config.vtep.port + ((first + at) % RELAY_PORTS)) % 65_535);
      if (!taken.has(port)) return port;
    }
    return undefined;
  }
}
