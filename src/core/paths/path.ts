import type { PeerId } from '../address.ts';
import type { Protection } from './protection.ts';

/** What has been measured of the way to one peer. */
export interface Path {
  /** Largest IP packet that goes through unfragmented; undefined while nothing is answered. */
  readonly mtu: number | undefined;
  readonly rttMs: number | undefined;
  /** The share of echoes that is lost. */
  readonly loss: number;
  /** Whether the kernel there answers; undefined before the first answer or the first loss of several in a row. */
  readonly alive: boolean | undefined;
  /** By whom frames go there where they don't go straight. */
  readonly relay: PeerId | undefined;
  /** Whether they go through both routers. */
  readonly isSleeve: boolean;
  /** Why it is not the best path there could be, for a person. */
  readonly why: string | undefined;
  /** How frames are protected on their way; undefined where nobody asked for that. */
  readonly protection: 'encrypted' | 'trusted' | 'refused' | undefined;
}

/** Whoever sends frames on; the peer itself does not. */
export const helperOf = (peer: PeerId, by: PeerId | undefined): PeerId | undefined =>
  by === peer ? undefined : by;

/** What a person should know of how frames are protected, where all is well. */
export function noteOf(protection: Protection | undefined): string | undefined {
  if (protection?.kind === 'sleeve') return protection.why;
  return protection?.kind === 'tunnel' ? protection.note : undefined;
}
