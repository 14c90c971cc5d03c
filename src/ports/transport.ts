import type { PeerId } from '../core/address.ts';
import type { Problem, Result } from '../core/errors.ts';
import type { Millis } from './clock.ts';

export type TransportEvent =
  /** Authenticated, and ready for `send` and `broadcast`. `address` is the other end's HOST:PORT. */
  | { readonly kind: 'peer-up'; readonly peer: PeerId; readonly address: string; readonly outbound: boolean }
  | { readonly kind: 'peer-down'; readonly peer: PeerId; readonly reason: string }
  /** `from` is the neighbour that handed it to us, not who wrote it. */
  | { readonly kind: 'message'; readonly from: PeerId; readonly bytes: Uint8Array }
  | { readonly kind: 'dial-failed'; readonly address: string; readonly problem: Problem };

/** Bytes between peers. May lose, repeat and reorder; never makes up or alters. */
export interface Transport {
  readonly self: PeerId;
  /**
   * Listens. Refuses with `port-in-use`, `no-such-host-address`, `no-permission`. Events come one at a time. A broadcast
   * for which the listener gives `false` is not handed on to others.
   */
  start(listener: (event: TransportEvent) => unknown): Promise<Result<void>>;
  stop(): Promise<void>;
  /** Dials HOST:PORT once; ends in `peer-up` (unless that peer is up already) or `dial-failed`. Never throws. */
  dial(address: string): void;
  /** Closes the connection; ends in `peer-down`. For `refuseMs` the peer gets no other, whoever dials. */
  hangUp(peer: PeerId, reason: string, refuseMs?: Millis): void;
  /** To every router, by gossip; best effort. At most 64 KiB. */
  broadcast(bytes: Uint8Array): void;
  /** To one neighbour, in order while the connection lasts. At most 4 MiB; dropped where it is not up. */
  send(to: PeerId, bytes: Uint8Array): void;
}
