import { compare, type PeerId } from '../address.ts';
import type { Relay as PortFor } from '../forwarding.ts';
import type { Relay } from '../paths/route.ts';
import type { Context } from './context.ts';

/** Ports above the data port, one for each peer that others are helped to reach. */
const PORTS = 1_000;

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

/** The ports at which this host relays. A peer has the same one as long as that is free, also after a restart. */
export class RelayPorts {
  readonly #context: Context;
  readonly #ports = new Map<PeerId, number>();
  #given: readonly PortFor[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  /** From now on for these peers; gives whether that is another set. */
  set(peers: ReadonlySet<PeerId>): boolean {
    const before = this.#given;
    for (const peer of this.#ports.keys()) if (!peers.has(peer)) this.#ports.delete(peer);
    for (const peer of peers) if (!this.#ports.has(peer)) this.#ports.set(peer, this.#free(peer));
    const { topology } = this.#context;
    const given = [...this.#ports].flatMap(([peer, port]) => {
      const to = topology.host(peer)?.vtep;
      return to === undefined ? [] : [{ port, to }];
    });
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

  of(peer: PeerId): number | undefined {
    return this.#ports.get(peer);
  }

  all(): readonly PortFor[] {
    return this.#given;
  }

  #free(peer: PeerId): number {
    const { config } = this.#context;
    const [high = 0, low = 0] = config.crypto.hash(new TextEncoder().encode(`relay ${peer}`));
    const taken = new Set(this.#ports.values());
    let offset = (high * 256 + low) % PORTS;
    const portAt = (at: number): number => 1 + ((config.vtep.port + at) % 65_535);
    while (taken.has(portAt(offset))) offset = (offset + 1) % PORTS;
    return portAt(offset);
  }
}
