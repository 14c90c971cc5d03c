import type { Clock, Millis } from '../../src/ports/clock.ts';

export interface FakeClock extends Clock {
  /** Lets `duration` pass: runs what falls due, in order of time, then of the calls; also what that sets up. */
  advance(duration: Millis): void;
  /** How many timers wait. */
  waiting(): number;
}

interface Timer {
  readonly due: Millis;
  readonly action: () => void;
}

/** A clock that stands still until it is told to go on. */
export function createFakeClock(start: Millis = 0): FakeClock {
  const timers = new Set<Timer>();
  let now = start;

  function next(until: Millis): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.due <= until && (first === undefined || timer.due < first.due)) first = timer;
    }
    return first;
  }

  return {
    now: () => now,
    waiting: () => timers.size,
    after(delay, action) {
      const timer = { due: now + Math.max(0, delay), action };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(duration) {
      const until = now + duration;
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        timers.delete(timer);
        now = timer.due;
        timer.action();
      }
      now = until;
    },
  };
}
