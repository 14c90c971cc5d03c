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

interface Plan {
  readonly name: string;
  readonly at: Millis;
  readonly action: () => void;
  /** It was replaced or cancelled. */
  isOff: boolean;
}

const isBefore = (a: Plan, b: Plan): boolean => a.at < b.at || (a.at === b.at && a.name < b.name);

export function createAgenda(): Agenda {
  const plans = new Map<string, Plan>();
  // A heap, in which those that were replaced or cancelled stay until they come up.
  const heap: Plan[] = [];

  const first = (): Plan | undefined => {
    for (let plan = heap[0]; plan !== undefined; plan = heap[0]) {
      if (!plan.isOff) return plan;
      removeFirst(heap);
    }
    return undefined;
  };

  return {
    next: () => first()?.at,
    plan(name, at, action) {
      const planned = plans.get(name);
      if (planned !== undefined) {
        if (planned.at <= at) return;
        planned.isOff = true;
      }
      const plan = { name, at, action, isOff: false };
      plans.set(name, plan);
      add(heap, plan);
    },
    cancel(name) {
      const planned = plans.get(name);
      if (planned === undefined) return;
      planned.isOff = true;
      plans.delete(name);
    },
    run(now) {
      const due: Plan[] = [];
      // What an action plans for now has its turn next time.
      for (let plan = first(); plan !== undefined && plan.at <= now; plan = first()) {
        due.push(plan);
        removeFirst(heap);
      }
      for (const plan of due) {
        if (plan.isOff) continue;
        plans.delete(plan.name);
        plan.action();
      }
    },
  };
}

function add(heap: Plan[], plan: Plan): void {
  let place = heap.length;
  while (place > 0) {
    const above = (place - 1) >>> 1;
    if (!isBefore(plan, heap[above]!)) break;
    heap[place] = heap[above]!;
    place = above;
  }
  heap[place] = plan;
}

function removeFirst(heap: Plan[]): void {
  const plan = heap.pop();
  if (plan === undefined || heap.length === 0) return;
  let place = 0;
  for (;;) {
    let below = 2 * place + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
    if (!isBefore(heap[below]!, plan)) break;
    heap[place] = heap[below]!;
    place = below;
  }
  heap[place] = plan;
}
