import type { Millis } from './step.ts';

/** What is to be done when: named, so that a thing is planned once, however often it is asked for. */
export interface Agenda {
  /** Plans `action` under `name`, unless that is planned for an earlier time already. */
  plan(name: string, at: Millis, action: () => void): void;
  cancel(name: string): void;
  /** Runs what is due, in the order of time, then of name. */
  run(now: Millis): void;
  /** The time of the first plan. */
  next(): Millis | undefined;
}

export function createAgenda(): Agenda {
  const plans = new Map<string, { at: Millis; action: () => void }>();
  // The earliest time, or undefined where it has to be looked for again.
  let earliest: Millis | undefined;

  const next = (): Millis | undefined => {
    if (earliest === undefined) for (const { at } of plans.values()) earliest = Math.min(earliest ?? at, at);
    return earliest;
  };

  return {
    next,
    plan(name, at, action) {
      const planned = plans.get(name);
      if (planned !== undefined && planned.at <= at) return;
      plans.set(name, { at, action });
      if (earliest !== undefined && at < earliest) earliest = at;
    },
    cancel(name) {
      if (plans.delete(name)) earliest = undefined;
    },
    run(now) {
      const due = [...plans].filter(([, plan]) => plan.at <= now);
      due.sort(([a, { at }], [b, { at: other }]) => at - other || (a < b ? -1 : 1));
      for (const [name, plan] of due) {
        if (plans.get(name) !== plan) continue;
        plans.delete(name);
        earliest = undefined;
        plan.action();
      }
    },
  };
}
