import { randomBytes, randomInt } from 'node:crypto';
import koffi from 'koffi';
import type { Ipv4 } from '../../core/address.ts';
import type { Probe } from '../../ports/dataplane.ts';
import { ipv4Bytes } from './bytes.ts';
import { echoRequest, encapsulated, IPV4_HEADER, parseEchoReply, SHORTEST_ECHO } from './echo.ts';
import {
  AF_INET,
  bind,
  close,
  KernelError,
  receive,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  sendTo,
  setSocketOption,
  socket,
} from './libc.ts';
import type { InSwitch, Prober } from './parts.ts';

const DEADLINE_MS = 1000;
/** So many answers are read before other work gets its turn. */
const READS_A_TURN = 256;
const SEQUENCES = 1 << 16;

const IPPROTO_ICMP = 1;
const SOL_IP = 0;
const IP_MTU_DISCOVER = 10;
/** Sets "don't fragment", and ignores what was learnt of paths before: each probe finds out anew (ip(7)). */
const IP_PMTUDISC_PROBE = 3;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
/** Room for echoes to a thousand hosts at once: a full-sized packet takes about 2.3 kB of kernel memory. */
const BUFFER = 4 << 20;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
/** A bit for each type that the socket is not to hear: all but echo replies (type 0). */
const ALL_BUT_ECHO_REPLY = ~1;

const DEAD: Probe = { alive: false, rttMs: 0 };

/** Where frames leave the host. */
export interface Outside {
  readonly inHost: InSwitch;
  readonly local: Ipv4;
}

interface Pending {
  readonly address: Ipv4;
  /** Of the whole IP packet. */
  readonly size: number;
  readonly token: Uint8Array;
  readonly sentAt: bigint;
  readonly deadline: NodeJS.Timeout;
  readonly settle: (probe: Probe) => void;
}

/**
 * Opens a socket for echoes in the switch, and one on the underlay for those that go around it. `probe` sends one of
 * `size` bytes (the whole IP packet; 36 at least), never fragmented, and settles within a second; `rttMs` is 0 where
 * nobody answered. A packet that is too large for the device is not alive at once. Throws a `KernelError`: `EPERM`
 * without NET_RAW and NET_ADMIN.
 */
export function createProber(inSwitch: InSwitch, outside: Outside): Prober {
  const fd = inSwitch(openEchoSocket);
  const underlay = outside.inHost(() => openUnderlaySocket(outside.local));
  const identifier = randomInt(SEQUENCES);
  const pending = new Map<number, Pending>();
  const received = new Uint8Array(IPV4_HEADER.longest + SHORTEST_ECHO);
  let sequence = 0;
  let open = true;

  const settle = (key: number, probe: Probe): void => {
    const found = pending.get(key);
    if (found === undefined) return;
    pending.delete(key);
    clearTimeout(found.deadline);
    found.settle(probe);
  };

  const take = (length: number): void => {
    const reply = parseEchoReply(received.subarray(0, Math.min(length, received.length)));
    const found = reply?.identifier === identifier ? pending.get(reply.sequence) : undefined;
    if (reply === undefined || found === undefined) return;
    const ours =
      reply.from === found.address && length === found.size && Buffer.from(reply.token).equals(found.token);
    if (!ours) return;
    const rttMs = Number(process.hrtime.bigint() - found.sentAt) / 1e6;
    settle(reply.sequence, { alive: true, rttMs });
  };

  const readAnswers = (): void => {
    for (let reads = 0; reads < READS_A_TURN && open; reads += 1) {
      const length = receiveOrNothing(fd, received);
      if (length === undefined) return;
      take(length);
    }
  };

  const handle = koffi.node.poll(fd, readAnswers);
  handle.unref();

  return {
    probe: (address, size, around) =>
      new Promise(resolve => {
        if (!open || pending.size === SEQUENCES) return resolve(DEAD);
        do sequence = (sequence + 1) % SEQUENCES;
        while (pending.has(sequence));
        const key = sequence;
        const token = randomBytes(8);
        const length = Math.max(size, SHORTEST_ECHO);
        const deadline = setTimeout(() => {
          // A busy process comes late to timers as well: what has arrived counts.
          readAnswers();
          settle(key, DEAD);
        }, DEADLINE_MS).unref();
        const sentAt = process.hrtime.bigint();
        pending.set(key, { address, size: length, token, sentAt, deadline, settle: resolve });
        const request = echoRequest(identifier, key, token, length);
        const isSent =
          around === undefined
            ? sent(fd, request, address)
            : sent(underlay, encapsulated(request, address, around), around.via.address, around.via.port);
        if (!isSent) settle(key, DEAD);
      }),
    close: () => {
      if (!open) return;
      open = false;
      // In this order: koffi crashes when a closed handle is stopped.
      handle.stop();
      handle.close();
      close(fd);
      close(underlay);
      for (const key of [...pending.keys()]) settle(key, DEAD);
    },
  };
}

function openEchoSocket(): number {
  const fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP);
  try {
    setSocketOption(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    setSocketOption(fd, SOL_RAW, ICMP_FILTER, ALL_BUT_ECHO_REPLY);
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER);
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** From the address that the other end knows for a peer's. */
function openUnderlaySocket(local: Ipv4): number {
  const fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  try {
    bind(fd, socketAddress(local));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** False where the packet could not leave: too large, no route, no room. */
function sent(fd: number, packet: Uint8Array, address: Ipv4, port = 0): boolean {
  try {
    sendTo(fd, packet, socketAddress(address, port));
    return true;
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
}

/** Undefined where nothing waits. An error that waits on the socket is about a packet that its deadline ends. */
function receiveOrNothing(fd: number, into: Uint8Array): number | undefined {
  try {
    return receive(fd, into);
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

/** struct sockaddr_in. */
function socketAddress(address: Ipv4, port = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint16(0, AF_INET, true);
  new DataView(bytes.buffer).setUint16(2, port, false);
  bytes.set(ipv4Bytes(address), 4);
  return bytes;
}
