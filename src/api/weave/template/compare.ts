import type { Complain } from './functions.ts';
import { isNothing, kindOf } from './show.ts';

/** Text, numbers and booleans are compared with their like; with nothing, anything. */
export function equal(a: unknown, b: unknown, complain: Complain): boolean {
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
  if (isPlain(a) && typeof a === typeof b) return a === b;
  throw complain(`can't compare ${kindOf(a)} with ${kindOf(b)}; both have to be text, numbers or booleans`);
}

/** Below zero where `a` comes first. Text is in the order of its code points. */
export function compared(a: unknown, b: unknown, complain: Complain): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  throw complain(`can't order ${kindOf(a)} and ${kindOf(b)}; both have to be text or numbers`);
}

const isPlain = (value: unknown): boolean => ['boolean', 'number', 'string'].includes(typeof value);
