import type { MessagePort } from 'node:worker_threads';
import { Sealer } from './cipher.ts';
import { poll, pollSet, read, sendto, setsockopt } from './native.ts';
import { orders, type ThreadPeer, type ThreadStart } from './peers.ts';
import { ETHERNET, HEADER, isIpv4, MESSAGE_MAX, TAG, VNET_HEADER, writeHeading, writePlace } from './wire.ts';

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
/** What the kernel cuts by itself in one call (UDP_MAX_SEGMENTS), and the largest of such calls. */
const SEGMENTS_MAX = 64;
const CALL_MAX = 65_000;
/** Of an IPv4 packet in an Ethernet frame, behind its virtio header. */
const DESTINATION_AT = VNET_HEADER + ETHERNET + 16;
/** So many frames, then what has changed is looked at. */
const BURST = 64;

/** More messages than anybody sends before the router is started again. */
const ROUND = 2 ** 40;

interface Receiver extends ThreadPeer {
  readonly sealer: Sealer;
}

/** Takes frames from the kernel and sends them to the routers of their hosts, until it is stopped. */
export class Outbound {
  readonly #start: ThreadStart;
  readonly #receivers = new Map<number, Receiver>();
  readonly #frame = Buffer.allocUnsafeSlow(MESSAGE_MAX);
  readonly #sealed = Buffer.allocUnsafeSlow(MESSAGE_MAX);
  readonly #header = Buffer.alloc(HEADER);
  readonly #call = Buffer.allocUnsafeSlow(CALL_MAX + 2_000);
  #own: number;
  /** One count for all peers: whoever goes and comes back gets no number twice. */
  #number: number;
  /** What the socket cuts into now. */
  #chunk = 0;

  constructor(start: ThreadStart) {
    this.#start = start;
    this.#own = start.own;
    this.#number = start.round * ROUND;
    this.#bring(start.peers);
  }

  run(port: MessagePort): void {
    const { tap, wake } = this.#start;
    const set = pollSet(tap, wake);
    const woken = Buffer.alloc(8);
    for (;;) {
      poll(set, 2, -1);
      if (set.readInt16LE(14) !== 0) {
        read(wake, woken, 8);
        for (const order of orders(port)) {
          if (order.kind === 'stop') return;
          this.#own = order.own;
          this.#bring(order.peers);
        }
      }
      for (let count = 0; count < BURST; count += 1) {
        const length = read(tap, this.#frame, MESSAGE_MAX - TAG);
        if (length < 0) break;
        this.#send(length);
      }
    }
  }

  #bring(peers: readonly ThreadPeer[]): void {
    for (const { sealer } of this.#receivers.values()) sealer.close();
    this.#receivers.clear();
    for (const peer of peers)
      this.#receivers.set(peer.destination, { ...peer, sealer: new Sealer(peer.key) });
  }

  #send(length: number): void {
    const frame = this.#frame;
    if (length < DESTINATION_AT + 4 || !isIpv4(frame)) return;
    const receiver = this.#receivers.get(frame.readUInt32BE(DESTINATION_AT));
    if (receiver === undefined) return;
    const { sealer, session, chunk } = receiver;
    this.#number += 1;
    const payload = chunk - HEADER;
    const count = Math.ceil((length + TAG) / payload);
    const heading = { sender: this.#own, session, number: this.#number, payload, count };
    writeHeading(this.#header, 0, heading);
    const size = sealer.seal(frame, length, this.#header, 0, this.#sealed);
    this.#cut(size, receiver, count);
  }

  #cut(size: number, { chunk, endpoint }: Receiver, count: number): void {
    const payload = chunk - HEADER;
    const perCall = Math.min(SEGMENTS_MAX, Math.floor(CALL_MAX / chunk));
    if (count > 1 && chunk !== this.#chunk) this.#segment(chunk);
    let at = 0;
    for (let index = 0; index < count; index += 1) {
      const from = index * payload;
      const end = Math.min(size, from + payload);
      this.#header.copy(this.#call, at);
      writePlace(this.#call, at, HEADER + end - from, index);
      this.#sealed.copy(this.#call, at + HEADER, from, end);
      at += HEADER + end - from;
      if ((index + 1) % perCall !== 0 && index !== count - 1) continue;
      sendto(this.#start.udp, this.#call, at, 0, endpoint, endpoint.length);
      at = 0;
    }
  }

  #segment(chunk: number): void {
    const value = Buffer.alloc(4);
    value.writeInt32LE(chunk);
    setsockopt(this.#start.udp, SOL_UDP, UDP_SEGMENT, value, 4);
    this.#chunk = chunk;
  }
}
