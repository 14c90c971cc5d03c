import { setTimeout as sleep } from 'node:timers/promises';
import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import type { PeerId as Libp2pPeerId, MessageStream, MultiaddrConnection } from '@libp2p/interface';
import type { PeerId } from '../../core/address.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { Transport, TransportEvent } from '../../ports/transport.ts';
import { Dials } from './dials.ts';
import { createEmitter } from './emitter.ts';
import { gossipMeter } from './gossip-meter.ts';
import { greetingProtector, type Misgreeting } from './greeting.ts';
import { type HostPort, parseHostPort, remoteOf, toMultiaddr } from './host-port.ts';
import type { Identity } from './identity.ts';
import { MAX_BROADCAST, MAX_MESSAGE, REFUSE_MS } from './limits.ts';
import { createNode, HANDSHAKE_MS, type Node, TOPIC } from './node.ts';
import { keyFromPassword } from './password.ts';
import { close, Peer, type PeerDeps } from './peer.ts';
import { listenProblem } from './problems.ts';
import { Refusals } from './refusals.ts';
import { sparingly } from './sparing.ts';

const SYNC_PROTOCOL = '/mesh/sync/1.0.0';
/** All that gossipsub takes. */
const GOSSIP_PROTOCOLS = ['/meshsub/1.0.0', '/meshsub/1.1.0', '/meshsub/1.2.0'];
const REVIEW_MS = 5_000;
/** What libp2p noted of a peer is forgotten so long after its last connection. */
const FORGET_MS = 60_000;
const STOP_MS = 3_000;

export interface Libp2pTransportOptions {
  readonly identity: Identity;
  /** TCP. */
  readonly port: number;
  /** The IPv4 address to listen on and to dial from; all of the host's where undefined. */
  readonly host: string | undefined;
  /** HOST:PORT that others are told. */
  readonly advertise: string;
  readonly password: string | undefined;
  /** The only peers to be talked to; empty for anyone. */
  readonly trusted: readonly string[];
  readonly log: Log;
}

/** A transport over TCP, Noise and Yamux, with gossipsub for broadcasts. */
export async function createLibp2pTransport(options: Libp2pTransportOptions): Promise<Transport> {
  const key = options.password === undefined ? undefined : await keyFromPassword(options.password);
  return new Libp2pTransport(options, key);
}

class Libp2pTransport implements Transport {
  readonly self: PeerId;
  readonly #options: Libp2pTransportOptions;
  readonly #key: Uint8Array | undefined;
  readonly #log: Log;
  readonly #events = createEmitter();
  readonly #dials = new Dials((address, problem) =>
    this.#events.emit({ kind: 'dial-failed', address, problem }),
  );
  readonly #peers = new Map<PeerId, Peer>();
  readonly #refusals = new Refusals();
  readonly #mayTell = sparingly(60_000);
  #node: Node | undefined;
  #reviews: NodeJS.Timeout | undefined;
  #givenUp = 0;

  constructor(options: Libp2pTransportOptions, key: Uint8Array | undefined) {
    this.self = options.identity.id;
    this.#options = options;
    this.#key = key;
    this.#log = options.log;
  }

  async start(listener: (event: TransportEvent) => unknown): Promise<Result<void>> {
    const listen = { host: this.#options.host ?? '0.0.0.0', port: this.#options.port };
    this.#events.start(listener);
    try {
      const node = await this.#createNode(listen);
      await this.#follow(node);
      await node.start();
      node.services.gossip.subscribe(TOPIC);
      this.#node = node;
    } catch (error) {
      this.#events.stop();
      return refuse(listenProblem(listen, error));
    }
    this.#reviews = setInterval(() => this.#review(), REVIEW_MS).unref();
    return ok(undefined);
  }

  async stop(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    this.#events.stop();
    clearInterval(this.#reviews);
    if (node === undefined) return;
    // First, since gossipsub waits for ever for a peer to take what is still in its stream.
    await Promise.all(node.getConnections().map(close));
    const stopped = Promise.resolve(node.stop()).catch(error =>
      this.#log.warn('not stopped cleanly', { error }),
    );
    await Promise.race([stopped, sleep(STOP_MS, undefined, { ref: false })]);
  }

  dial(address: string): void {
    const to = parseHostPort(address);
    if (to === undefined) {
      this.#events.emit({ kind: 'dial-failed', address, problem: { code: 'bad-peer', value: address } });
    } else if (this.#node !== undefined && !this.#awaited(address)) {
      void this.#dials.start(this.#node, address, to);
    }
  }

  hangUp(peer: PeerId, reason: string, refuseMs = 0): void {
    if (refuseMs > 0) this.#refusals.add(peer, refuseMs);
    this.#peers.get(peer)?.hangUp(reason);
  }

  broadcast(bytes: Uint8Array): void {
    checkLength(bytes, MAX_BROADCAST);
    this.#node?.services.gossip
      .publish(TOPIC, new Uint8Array(bytes))
      .catch(error => this.#log.warn('a broadcast failed', { error }));
  }

  send(to: PeerId, bytes: Uint8Array): void {
    checkLength(bytes, MAX_MESSAGE);
    this.#peers.get(to)?.send(bytes);
  }

  #createNode(listen: HostPort): Promise<Node> {
    return createNode({
      identity: this.#options.identity,
      listen: toMultiaddr(listen),
      announce: toMultiaddr(parseHostPort(this.#options.advertise) ?? listen),
      localAddress: this.#options.host,
      protector: greetingProtector({
        key: this.#key,
        onConnected: stream => {
          const dial = isDialled(stream) ? this.#dials.of(stream) : undefined;
          if (dial !== undefined) dial.connected = true;
        },
        onMisgreeting: (stream, misgreeting) => this.#misgreeted(stream, misgreeting),
      }),
      gater: {
        denyInboundEncryptedConnection: (peer, connection) => this.#deniesInbound(peer, connection),
        denyOutboundEncryptedConnection: (peer, connection) => this.#deniesOutbound(peer, connection),
      },
    });
  }

  /** Hands what happens in libp2p on to the peer that it concerns. */
  async #follow(node: Node): Promise<void> {
    const { gossip } = node.services;
    node.addEventListener('connection:open', ({ detail: connection }) => {
      const dial = connection.direction === 'outbound' ? this.#dials.of(connection) : undefined;
      this.#peerOf(connection.remotePeer, node).opened(connection, dial?.asked ?? []);
    });
    await node.handle(
      SYNC_PROTOCOL,
      (stream, connection) => this.#find(connection.remotePeer)?.streamed(connection, stream),
      { maxInboundStreams: 1, maxOutboundStreams: 1 },
    );
    gossip.addEventListener('subscription-change', ({ detail: { peerId, subscriptions } }) => {
      if (subscriptions.some(({ topic, subscribe }) => topic === TOPIC && subscribe))
        this.#find(peerId)?.subscribed();
    });
    // What was refused, or told nothing new, is not handed on: whom we hand it to would think that it is ours.
    gossip.topicValidators.set(TOPIC, (source, message) =>
      this.#find(source)?.gossiped(message.data) ? TopicValidatorResult.Accept : TopicValidatorResult.Ignore,
    );
    this.#meterGossip(node);
  }

  /** libp2p adds the handler to the very list that it was given, for every stream anew: so each gets a list of its own. */
  #meterGossip(node: Node): void {
    const meter = gossipMeter((peer, reason) => this.#peers.get(peer)?.offended(reason));
    const arm = (): void => {
      for (const protocol of GOSSIP_PROTOCOLS) {
        node.use(protocol, (stream, connection, next) => {
          arm();
          return meter(stream, connection, next);
        });
      }
    };
    arm();
  }

  #find(peer: Libp2pPeerId): Peer | undefined {
    return this.#peers.get(idOf(peer));
  }

  #peerOf(libp2pId: Libp2pPeerId, node: Node): Peer {
    const id = idOf(libp2pId);
    const known = this.#peers.get(id);
    if (known !== undefined) return known;
    const peer = new Peer(id, this.#depsOf(libp2pId, node));
    this.#peers.set(id, peer);
    return peer;
  }

  #depsOf(peer: Libp2pPeerId, node: Node): PeerDeps {
    const { gossip, identify } = node.services;
    return {
      self: this.self,
      emit: this.#events.emit,
      openStream: connection =>
        connection.newStream(SYNC_PROTOCOL, { signal: AbortSignal.timeout(HANDSHAKE_MS) }),
      attachGossip: async connection => void (await identify.identify(connection)),
      hearsGossip: () => gossip.getSubscribers(TOPIC).some(subscriber => subscriber.equals(peer)),
      givenUp: (id, address, reason) => {
        this.#givenUp += 1;
        this.#log.warn('connection given up', { peer: id, address, reason, total: this.#givenUp });
      },
      refuse: id => this.#refusals.add(id, REFUSE_MS),
      gone: id => {
        this.#peers.delete(id);
        setTimeout(() => this.#forget(peer, node), FORGET_MS).unref();
      },
    };
  }

  /** Without this, whoever comes with a new identity each time would fill the memory. */
  #forget(peer: Libp2pPeerId, node: Node): void {
    if (this.#find(peer) !== undefined) return;
    node.peerStore.delete(peer).catch(error => this.#log.debug('peer not forgotten', { error }));
  }

  #awaited(address: string): boolean {
    return [...this.#peers.values()].some(peer => peer.awaits(address));
  }

  #review(): void {
    for (const peer of this.#peers.values()) peer.review();
  }

  #trusts(peer: Libp2pPeerId): boolean {
    const { trusted } = this.#options;
    return trusted.length === 0 || trusted.includes(peer.toString());
  }

  #deniesInbound(peer: Libp2pPeerId, connection: MultiaddrConnection): boolean {
    if (!this.#trusts(peer)) {
      this.#tellRefused('a router that --trust does not name was refused', connection, peer);
      return true;
    }
    if (this.#refusals.left(idOf(peer)) === 0) return false;
    this.#tellRefused('a router that broke a rule was refused', connection, peer);
    return true;
  }

  #deniesOutbound(peer: Libp2pPeerId, connection: MultiaddrConnection): boolean {
    const dial = this.#dials.of(connection);
    if (!this.#trusts(peer)) {
      if (dial !== undefined) dial.verdict = { kind: 'not-pinned', id: peer.toString() };
      return true;
    }
    const seconds = this.#refusals.left(idOf(peer));
    if (seconds > 0) {
      if (dial !== undefined) dial.verdict = { kind: 'refused', seconds };
      return true;
    }
    const superfluous = this.#find(peer)?.superfluous(dial?.asked ?? []) === true;
    if (superfluous && dial !== undefined) dial.verdict = { kind: 'superfluous' };
    return superfluous;
  }

  #misgreeted(stream: MessageStream, misgreeting: Misgreeting): void {
    if (isDialled(stream)) return;
    const what =
      misgreeting === 'other-password' ? 'a router with another password' : 'something that is no router';
    this.#tellRefused(`${what} was refused`, stream as MultiaddrConnection);
  }

  /** At most once a minute for each address, or a stranger could fill the log. */
  #tellRefused(message: string, connection: MultiaddrConnection, peer?: Libp2pPeerId): void {
    const address = remoteOf(connection);
    if (!this.#mayTell(`${message} ${address.split(':')[0]}`)) return;
    this.#log.warn(message, { address, ...(peer === undefined ? {} : { peer: peer.toString() }) });
  }
}

const idOf = (peer: Libp2pPeerId): PeerId => peer.toString() as PeerId;

/** What libp2p gives to be protected is always a connection to an address. */
const isDialled = (stream: MessageStream): stream is MultiaddrConnection => stream.direction === 'outbound';

function checkLength(bytes: Uint8Array, limit: number): void {
  if (bytes.length > limit)
    throw new RangeError(`${bytes.length} bytes are more than a message may have (${limit})`);
}
