import type { Connection, Stream } from '@libp2p/interface';
import type { PeerId } from '../../core/address.ts';
import type { Problem } from '../../core/errors.ts';
import type { TransportEvent } from '../../ports/transport.ts';
import { remoteOf } from './host-port.ts';
import { Link } from './link.ts';

/** A connection that has no link by then is given up. */
const LINK_MS = 10_000;

/** Of two that dial each other at once, both connections are there by then. */
const RIVAL_MS = 1_000;

/** A peer that is up does not dial us: who does, so long after, has lost the connection that we still see. */
const STALE_MS = 10_000;

const DISMISSED = 'it closed the connection when it knew who we are; does its --trust name this router?';

export interface PeerDeps {
  readonly self: PeerId;
  readonly emit: (event: TransportEvent) => unknown;
  readonly openStream: (connection: Connection) => Promise<Stream>;
  /** Makes gossip attach itself to this connection; from the other end the same happens by that. */
  readonly attachGossip: (connection: Connection) => Promise<void>;
  readonly hearsGossip: (peer: PeerId) => boolean;
  /** We close a connection for what the peer did, or failed to do. */
  readonly givenUp: (peer: PeerId, address: string, reason: string) => void;
  /** It broke a rule, and gets no other connection for a while. */
  readonly refuse: (peer: PeerId) => void;
  /** The last connection is closed. */
  readonly gone: (peer: PeerId) => void;
}

interface Known {
  /** What it was dialled as; undefined where the other side dialled. */
  readonly dialled: string | undefined;
  /** Looks that will be taken at it. */
  readonly timers: readonly NodeJS.Timeout[];
}

/**
 * All connections with one peer, of which one is kept. The lower peer id of the two chooses, by opening the sync stream
 * on the first one it sees; so both ends agree, and one that is up is not given up for another that comes later.
 */
export class Peer {
  readonly #id: PeerId;
  readonly #deps: PeerDeps;
  readonly #chooser: boolean;
  readonly #connections = new Map<Connection, Known>();
  /** Addresses dialled that lead here and have had no answer yet. */
  readonly #dials = new Set<string>();
  #chosen: Connection | undefined;
  #link: Link | undefined;
  #upSince: number | undefined;
  #deaf = false;
  #failure = DISMISSED;

  constructor(id: PeerId, deps: PeerDeps) {
    this.#id = id;
    this.#deps = deps;
    this.#chooser = deps.self < id;
  }

  opened(connection: Connection, dialled: readonly string[]): void {
    const openedAt = performance.now();
    const rival = this.#chooser && this.#chosen !== undefined;
    const timers = [setTimeout(() => this.#checkLinked(connection), LINK_MS)];
    if (rival) timers.push(setTimeout(() => this.#settle(connection, openedAt), RIVAL_MS));
    for (const timer of timers) timer.unref();
    this.#connections.set(connection, { dialled: dialled[0], timers });
    for (const address of dialled) this.#dials.add(address);
    connection.addEventListener('close', () => this.#closed(connection), { once: true });
    if (this.#chooser && !rival) void this.#choose(connection);
  }

  /** The peer has chosen `connection`. */
  streamed(connection: Connection, stream: Stream): void {
    if (!this.#connections.has(connection)) return;
    if (this.#chooser || this.#chosen === connection) {
      this.#giveUp(connection, 'it opened a sync stream out of turn', true);
      return;
    }
    this.#replace('it chose another connection');
    this.#join(connection, stream);
  }

  subscribed(): void {
    this.#link?.subscribed();
  }

  /** Gives whether the message may be handed on. */
  gossiped(bytes: Uint8Array): boolean {
    return this.#link?.gossiped(bytes) === true;
  }

  send(bytes: Uint8Array): void {
    this.#link?.send(bytes);
  }

  hangUp(reason: string): void {
    this.#failure = reason;
    this.#leave(reason);
    for (const connection of this.#connections.keys()) void close(connection);
  }

  /** It broke a rule of the transport, on whichever connection. */
  offended(reason: string): void {
    this.#deps.refuse(this.#id);
    const [connection] = this.#connections.keys();
    if (connection !== undefined) this.#deps.givenUp(this.#id, remoteOf(connection), reason);
    this.hangUp(reason);
  }

  /**
   * Whether a connection dialled to this peer is one too many. Unless the peer is up, what becomes of the other one is the
   * answer to this dial, too.
   */
  superfluous(dialled: readonly string[]): boolean {
    if (this.#chosen === undefined) return false;
    if (this.#upSince === undefined) for (const address of dialled) this.#dials.add(address);
    return true;
  }

  awaits(address: string): boolean {
    return this.#dials.has(address);
  }

  /** Called every five seconds. A link whose gossip is gone is given up at the second look. */
  review(): void {
    this.#link?.beat();
    const link = this.#link;
    const deaf = link !== undefined && this.#upSince !== undefined && !this.#deps.hearsGossip(this.#id);
    if (deaf && this.#deaf) this.#giveUp(link.connection, 'it takes no part in gossip');
    this.#deaf = deaf;
  }

  async #choose(connection: Connection): Promise<void> {
    this.#chosen = connection;
    try {
      const stream = await this.#deps.openStream(connection);
      if (this.#chosen !== connection) return;
      this.#join(connection, stream);
      await this.#deps.attachGossip(connection);
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #join(connection: Connection, stream: Stream): void {
    this.#chosen = connection;
    this.#link = new Link(connection, stream, {
      up: () => this.#up(connection),
      message: bytes => this.#deps.emit({ kind: 'message', from: this.#id, bytes }),
      lost: reason => this.#end(connection, reason),
      broken: (reason, breach) => this.#giveUp(connection, reason, breach),
    });
    if (this.#deps.hearsGossip(this.#id)) this.#link.subscribed();
  }

  #up(connection: Connection): void {
    this.#upSince = performance.now();
    this.#dials.clear();
    this.#failure = DISMISSED;
    const outbound = connection.direction === 'outbound';
    const address = this.#connections.get(connection)?.dialled ?? remoteOf(connection);
    this.#deps.emit({ kind: 'peer-up', peer: this.#id, address, outbound });
  }

  /** A second connection, looked at again after a while: one of the two goes. */
  #settle(connection: Connection, openedAt: number): void {
    if (this.#chosen === connection) return;
    const stale = this.#upSince !== undefined && openedAt - this.#upSince > STALE_MS;
    if (this.#chosen !== undefined && !stale) {
      void close(connection);
      return;
    }
    this.#replace('it came back on another connection');
    void this.#choose(connection);
  }

  #replace(reason: string): void {
    if (this.#chosen !== undefined) this.#end(this.#chosen, reason);
  }

  #end(connection: Connection, reason: string): void {
    if (this.#chosen === connection) this.#leave(reason);
    connection.abort(new Error(reason));
  }

  #checkLinked(connection: Connection): void {
    if (!this.#connections.has(connection) || (this.#chosen === connection && this.#upSince !== undefined))
      return;
    this.#giveUp(connection, `it was not ready within ${LINK_MS / 1000} s`);
  }

  #giveUp(connection: Connection, reason: string, breach = false): void {
    this.#failure = reason;
    if (breach) this.#deps.refuse(this.#id);
    this.#deps.givenUp(this.#id, remoteOf(connection), reason);
    this.#end(connection, reason);
  }

  #leave(reason: string): void {
    const wasUp = this.#upSince !== undefined;
    this.#upSince = undefined;
    this.#link?.close();
    this.#link = undefined;
    this.#chosen = undefined;
    this.#deaf = false;
    if (wasUp) this.#deps.emit({ kind: 'peer-down', peer: this.#id, reason });
  }

  #closed(connection: Connection): void {
    for (const timer of this.#connections.get(connection)?.timers ?? []) clearTimeout(timer);
    this.#connections.delete(connection);
    if (this.#chosen === connection) this.#leave('the connection was lost');
    const next = this.#connections.keys().next().value;
    if (next !== undefined) {
      if (this.#chooser && this.#chosen === undefined && next.status === 'open') void this.#choose(next);
      return;
    }
    for (const address of this.#dials)
      this.#deps.emit({ kind: 'dial-failed', address, problem: this.#problem(address) });
    this.#dials.clear();
    this.#deps.gone(this.#id);
  }

  #problem(peer: string): Problem {
    return { code: 'peer-failed', peer, why: this.#failure };
  }
}

/** In good order, so that what was sent still arrives; by force where that takes more than a second (libp2p's limit). */
export async function close(connection: Connection): Promise<void> {
  try {
    await connection.close();
  } catch (error) {
    connection.abort(error instanceof Error ? error : new Error(String(error)));
  }
}
