import type { Problem, Result } from '../../src/core/errors.ts';
import type { Forwarding } from '../../src/core/forwarding.ts';
import type { Command, Effect, Input, Reply } from '../../src/core/host/step.ts';
import type { Change } from '../../src/core/replica.ts';
import type { SimulatedMachine } from './machine.ts';

/** Looks on while a simulation runs; may throw a `Violation`, must not interfere. */
export interface Watch {
  /** A router starts, from what its disk holds now. */
  starting(machine: SimulatedMachine): void;
  changed(machine: SimulatedMachine, change: Change): void;
  stepped(machine: SimulatedMachine, input: Input, effects: readonly Effect[]): void;
  /** What was written is on the disk. */
  durable(machine: SimulatedMachine): void;
  /** The router hands this to the transport. */
  telling(machine: SimulatedMachine, bytes: Uint8Array): void;
  arriving(to: SimulatedMachine, from: SimulatedMachine, bytes: Uint8Array): void;
  applied(machine: SimulatedMachine, forwarding: Forwarding): void;
  replied(machine: SimulatedMachine, command: Command, result: Result<Reply>): void;
  hangingUp(machine: SimulatedMachine, reason: string): void;
  halted(machine: SimulatedMachine, problem: Problem): void;
  logged(machine: SimulatedMachine, message: string): void;
}

/** Why one gives up a connection where everybody is honest. */
const FAIR_REASONS = ['silent', 'more neighbours', 'stuck since an outage', 'leaving the mesh'];

export function isFairHangUp(reason: string): boolean {
  return FAIR_REASONS.some(fair => reason.startsWith(fair));
}

/** Something that must never be, was. */
export class Violation extends Error {}
