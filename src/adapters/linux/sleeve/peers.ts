import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';

/** What a thread has to know of a peer. */
export interface ThreadPeer {
  /** Its address among tunnels: in its messages, and in the frames that come from it. */
  readonly tunnel: number;
  /** The address to which the kernel sends what this path is to carry there. */
  readonly destination: number;
  /** struct sockaddr_in of where it takes messages. */
  readonly endpoint: Uint8Array;
  readonly session: number;
  /** Of this direction; 32 bytes. */
  readonly key: Uint8Array;
  /** Length of the largest datagram to it. */
  readonly chunk: number;
}

/** What a thread is started with. All descriptors stay the router's, and are closed once the thread has ended. */
export interface ThreadStart {
  readonly direction: 'out' | 'in';
  /** The TAP device, never blocking. */
  readonly tap: number;
  readonly udp: number;
  /** An eventfd: something has changed. */
  readonly wake: number;
  /** This host's own address among tunnels: says the sender. */
  readonly own: number;
  readonly peers: readonly ThreadPeer[];
  /** How often the thread was started before: what it sends is numbered beyond what the ones before can have sent. */
  readonly round: number;
  readonly counts: SharedArrayBuffer;
}

export type ThreadOrder =
  | { readonly kind: 'peers'; readonly own: number; readonly peers: readonly ThreadPeer[] }
  | { readonly kind: 'stop' };

/** A peer sends from elsewhere than it was told to; what it sent was authentic. */
export interface Moved {
  readonly tunnel: number;
  readonly endpoint: Uint8Array;
}

/** Indexes of what threads count, in an Int32Array. */
export const STRANGERS = 0;
export const FORGED = 1;
export const COUNTS = 2;

/** What has come for this thread, in its order. */
export function* orders(port: MessagePort): Generator<ThreadOrder> {
  for (;;) {
    const received = receiveMessageOnPort(port) as { readonly message: ThreadOrder } | undefined;
    if (received === undefined) return;
    yield received.message;
  }
}
