import { Faults } from '../faults.ts';
import { perform, type Trial } from '../stage.ts';
import { AddressChecks } from './checks.ts';
import { type AddressSettings, isTogether } from './settings.ts';
import { AddressUsers } from './users.ts';
import { judgeRing } from './verdict.ts';

/** Longer than a request may wait, and than a dead container keeps its address. */
const QUIET_MS = 45_000;

/** Runs one seed with everybody asking for addresses. */
export function runAddressTrial(settings: AddressSettings): Trial<AddressSettings> {
  return perform(settings, simulation => {
    const checks = new AddressChecks(simulation, settings);
    simulation.watch = checks;
    const faults = new Faults(simulation, {
      tampered: { add: machine => checks.forget(machine) },
      tangled: new Set(),
      told: { add: () => true },
    });
    return {
      faults,
      users: new AddressUsers(simulation, settings, checks),
      quietMs: QUIET_MS,
      targetOf: (index, drawn) => {
        if (!settings.divided || drawn === undefined) return drawn;
        if (index < 2) return undefined;
        const other = isTogether(index, drawn.index) ? drawn.index : Math.abs(drawn.index - 1);
        return simulation.machines[other];
      },
      judge: () => judgeRing(simulation, checks),
    };
  });
}
