import { Checks } from './checks.ts';
import { Faults } from './faults.ts';
import type { Settings } from './settings.ts';
import { perform, type Trial } from './stage.ts';
import { Users } from './users.ts';
import { judge } from './verdict.ts';

/** Longer than any timeout of the core that could undo what was agreed. */
const QUIET_MS = 15_000;

/** Runs one seed with everybody attaching containers to addresses that collide. */
export function runTrial(settings: Settings): Trial {
  return perform(settings, simulation => {
    const checks = new Checks(simulation);
    simulation.watch = checks;
    const faults = new Faults(simulation, checks);
    const users = new Users(simulation, { removed: (machine, id) => checks.released(machine, id) });
    return { faults, users, quietMs: QUIET_MS, judge: () => judge(simulation, checks, faults.laterOwner) };
  });
}
