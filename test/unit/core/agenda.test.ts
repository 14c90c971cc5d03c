import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAgenda } from '../../../src/core/host/agenda.ts';

/** The same, the slow way. */
function simpleAgenda(run: (name: string, at: number) => void) {
  const plans = new Map<string, number>();
  return {
    plan(name: string, at: number) {
      const planned = plans.get(name);
      if (planned === undefined || at < planned) plans.set(name, at);
    },
    cancel: (name: string) => void plans.delete(name),
    next: () => (plans.size === 0 ? undefined : Math.min(...plans.values())),
    run(now: number) {
      const due = [...plans].filter(([, at]) => at <= now);
      due.sort(([a, at], [b, other]) => at - other || (a < b ? -1 : 1));
      for (const [name, at] of due) {
        plans.delete(name);
        run(name, at);
      }
    },
  };
}

const step = fc.record({
  what: fc.constantFrom('plan', 'plan', 'plan', 'cancel', 'run'),
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
  time: fc.integer({ min: 0, max: 30 }),
});

describe('the agenda', () => {
  it('runs what is due in the order of time and name, whatever was planned again or cancelled', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), steps => {
        const ran: string[] = [];
        const should: string[] = [];
        const agenda = createAgenda();
        const simple = simpleAgenda((name, at) => should.push(`${name} ${at}`));
        for (const { what, name, time } of steps) {
          if (what === 'plan') {
            agenda.plan(name, time, () => ran.push(`${name} ${time}`));
            simple.plan(name, time);
          } else if (what === 'cancel') {
            agenda.cancel(name);
            simple.cancel(name);
          } else {
            agenda.run(time);
            simple.run(time);
          }
          expect(agenda.next()).toBe(simple.next());
        }
        expect(ran).toEqual(should);
      }),
    );
  });

  it('leaves what an action plans for now to the next time, and heeds what an action cancels', () => {
    const ran: string[] = [];
    const agenda = createAgenda();
    agenda.plan('a', 1, () => {
      ran.push('a');
      agenda.plan('again', 1, () => ran.push('again'));
      agenda.cancel('b');
    });
    agenda.plan('b', 1, () => ran.push('b'));
    agenda.run(1);
    expect(ran).toEqual(['a']);
    expect(agenda.next()).toBe(1);
    agenda.run(1);
    expect(ran).toEqual(['a', 'again']);
  });
});
