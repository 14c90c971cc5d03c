import { expect, it } from 'vitest';
import { drawSettings } from './settings.ts';
import { runTrial } from './trial.ts';

/** A few seeds of every size, bounded in time; `npm run sim` runs as many as there is time for. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

it.each(SEEDS)('seed %i holds every invariant, and converges once everything works again', seed => {
  expect(runTrial(drawSettings(seed, { minutes: 1 })).violation).toBeUndefined();
});

/**
 * Runs that a check once took for a failure: a router that is the last of its mesh, one that wrote alone after its disk
 * went back, one that answers all at once what hundreds of commands had waited for, one whose clock was set back.
 */
it.each([106, 56, 137, 630, 1276])('seed %i holds every invariant in its own size', seed => {
  expect(runTrial(drawSettings(seed)).violation).toBeUndefined();
});

it('repeats a seed event for event', () => {
  const settings = drawSettings(2, { hosts: 4, minutes: 1 });
  const [first, second] = [runTrial(settings), runTrial(settings)];
  expect(second.trace).toBe(first.trace);
  expect(second.events).toBe(first.events);
  expect(runTrial(drawSettings(3, { hosts: 4, minutes: 1 })).trace).not.toBe(first.trace);
});
