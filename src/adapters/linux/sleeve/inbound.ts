import type { MessagePort } from 'node:worker_threads';
import { Assembly } from './assembly.ts';
import { Opener } from './cipher.ts';
import { MSG_DONTWAIT, poll, pollSet, read, recvfrom, write } from './native.ts';
import { FORGED, type Moved, orders, STRANGERS, type ThreadPeer, type ThreadStart } from './peers.ts';
import { ReplayWindow } from './replay.ts';
import { type Chunk, ETHERNET, isIpv4, MESSAGE_MAX, readChunk, VNET_HEADER } from './wire.ts';

/** The most that the kernel hands over at once of what it has put together (UDP_GRO). */
const DATAGRAM_MAX = 65_535;
/** struct sockaddr_in: the family, then port and address, then nothing. */
const ADDRESS_AT = 2;
const ADDRESS_END = 8;
const SOURCE_AT = VNET_HEADER + ETHERNET + 12;
const BURST = 64;
/** Of those that are over, some are remembered. */
const SESSIONS_MAX = 4_096;

interface Session {
  readonly window: ReplayWindow;
  readonly assembly: Assembly;
}

interface Sender extends ThreadPeer, Session {
  readonly opener: Opener;
  endpoint: Uint8Array;
}

/** Takes what other routers send and gives it to the kernel, until it is stopped. */
export class Inbound {
  readonly #start: ThreadStart;
  readonly #senders = new Map<number, Sender>();
  readonly #sessions = new Map<string, Session>();
  readonly #datagrams = Buffer.allocUnsafeSlow(DATAGRAM_MAX);
  readonly #opened = Buffer.allocUnsafeSlow(MESSAGE_MAX);
  readonly #from = Buffer.alloc(16);
  readonly #counts: Int32Array;

  constructor(start: ThreadStart) {
    this.#start = start;
    this.#counts = new Int32Array(start.counts);
    this.#bring(start.peers);
  }

  run(port: MessagePort): void {
    const { udp, wake } = this.#start;
    const set = pollSet(udp, wake);
    const woken = Buffer.alloc(8);
    const fromLength = Buffer.alloc(4);
    for (;;) {
      poll(set, 2, -1);
      if (set.readInt16LE(14) !== 0) {
        read(wake, woken, 8);
        for (const order of orders(port)) {
          if (order.kind === 'stop') return;
          this.#bring(order.peers);
        }
      }
      for (let count = 0; count < BURST; count += 1) {
        fromLength.writeUInt32LE(this.#from.length);
        const length = recvfrom(udp, this.#datagrams, DATAGRAM_MAX, MSG_DONTWAIT, this.#from, fromLength);
        if (length < 0) break;
        this.#take(length, port);
      }
    }
  }

  /** What has come in a session is remembered also where the peer was gone meanwhile. */
  #bring(peers: readonly ThreadPeer[]): void {
    for (const { opener } of this.#senders.values()) opener.close();
    this.#senders.clear();
    for (const peer of peers) {
      const name = `${peer.tunnel} ${peer.session}`;
      const session = this.#sessions.get(name) ?? { window: new ReplayWindow(), assembly: new Assembly() };
      this.#sessions.set(name, session);
      this.#senders.set(peer.tunnel, { ...peer, ...session, opener: new Opener(peer.key) });
    }
    for (const name of this.#sessions.keys()) {
      if (this.#sessions.size <= SESSIONS_MAX) break;
      if (![...this.#senders.values()].some(({ session, tunnel }) => name === `${tunnel} ${session}`))
        this.#sessions.delete(name);
    }
  }

  /** What came at once may be many chunks, one after another. */
  #take(length: number, port: MessagePort): void {
    for (let at = 0; at < length; ) {
      const chunk = readChunk(this.#datagrams, at, length);
      const sender = chunk && this.#senders.get(chunk.sender);
      if (chunk === undefined || sender?.session !== chunk.session) return this.#count(STRANGERS);
      const isElsewhere =
        this.#from.compare(sender.endpoint, ADDRESS_AT, ADDRESS_END, ADDRESS_AT, ADDRESS_END) !== 0;
      // Only what is whole by itself can show that a peer sends from elsewhere: others must not break what comes in parts.
      if (isElsewhere && chunk.count > 1) return this.#count(STRANGERS);
      const message = sender.assembly.take(chunk, this.#datagrams, at);
      if (message !== undefined && this.#deliver(message, chunk, at, sender) && isElsewhere)
        this.#moved(sender, port);
      at += chunk.length;
    }
  }

  /** Gives whether it was authentic. */
  #deliver(message: Buffer, chunk: Chunk, at: number, { opener, tunnel, window }: Sender): boolean {
    if (!window.admits(chunk.number)) return this.#refused();
    const size = opener.open(message, this.#datagrams, at, this.#opened);
    if (size === undefined) return this.#refused();
    window.took(chunk.number);
    this.#write(size, tunnel);
    return true;
  }

  #refused(): false {
    this.#count(FORGED);
    return false;
  }

  /** Only frames whose sender is the peer itself. */
  #write(size: number, tunnel: number): void {
    const message = this.#opened;
    if (size < SOURCE_AT + 4 || !isIpv4(message)) return;
    if (message.readUInt32BE(SOURCE_AT) !== tunnel) return this.#count(FORGED);
    write(this.#start.tap, message, size);
  }

  #moved(sender: Sender, port: MessagePort): void {
    sender.endpoint = Uint8Array.from(this.#from);
    port.postMessage({ tunnel: sender.tunnel, endpoint: sender.endpoint } satisfies Moved);
  }

  #count(which: number): void {
    this.#counts[which]! += 1;
  }
}
