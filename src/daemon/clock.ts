import { performance } from 'node:perf_hooks';
import type { Clock } from '../ports/clock.ts';

/** The longest delay that `setTimeout` takes; above it, it would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** Monotonic time of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, action) {
    const timer = setTimeout(action, Math.min(delay, LONGEST_DELAY));
    return () => clearTimeout(timer);
  },
};
