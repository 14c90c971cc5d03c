import { macFromBytes, type PeerId } from '../../../src/core/address.ts';
import { IPAM } from '../../../src/core/ipam/custody.ts';
import { shareOf } from '../../../src/core/ipam/shares.ts';
import { createRingView, type Holding } from '../../../src/core/ipam/view.ts';
import { rangeOf, sizeOf } from '../../../src/core/range.ts';
import type { Counters } from '../counters.ts';
import { fakeCrypto } from '../fake-crypto.ts';
import { Faults } from '../faults.ts';
import type { SimulatedMachine } from '../machine.ts';
import { Simulation } from '../simulation.ts';
import { isQuiet, livingIn } from '../verdict.ts';
import { Violation } from '../watch.ts';
import { AddressChecks } from './checks.ts';
import type { AddressSettings } from './settings.ts';
import { AddressUsers } from './users.ts';

const CONVERGED_WITHIN_MS = 120_000;
/** Longer than a request may wait, and than a dead container keeps its address. */
const QUIET_MS = 45_000;

export interface AddressTrial {
  readonly settings: AddressSettings;
  readonly violation: string | undefined;
  readonly trace: number;
  readonly events: number;
  readonly counters: Counters;
}

/** Runs one seed with everybody asking for addresses: checks after every event, then everything works again. */
export function runAddressTrial(settings: AddressSettings): AddressTrial {
  const simulation = new Simulation(settings, 2 * settings.hosts + 1);
  let violation: string | undefined;
  try {
    play(simulation, settings);
  } catch (error) {
    violation = error instanceof Violation ? error.message : String((error as Error).stack);
  }
  const { trace, events, counters } = simulation;
  return { settings, violation, trace, events, counters };
}

function play(simulation: Simulation, settings: AddressSettings): void {
  const checks = new AddressChecks(simulation, settings);
  simulation.watch = checks;
  const faults = new Faults(simulation, {
    tampered: { add: machine => checks.forget(machine) },
    tangled: new Set(),
    told: { add: () => true },
  });
  const users = new AddressUsers(simulation, settings, checks);
  for (let index = 0; index < settings.hosts; index++) {
    const machine = simulation.add();
    const target = simulation.machines[Math.floor(simulation.random.faults.fraction() * index)];
    simulation.after(index * 40 * simulation.random.faults.fraction(), () => {
      machine.start(target === undefined || target === machine ? [] : [target.address]);
      users.start(machine);
    });
  }
  simulation.after(0, () => faults.start());
  simulation.run(settings.minutes * 60_000);
  faults.heal();
  users.stop();
  settle(simulation);
  simulation.run(QUIET_MS);
  settle(simulation);
  judge(simulation, settings, checks);
}

function settle(simulation: Simulation): void {
  const from = simulation.now;
  while (!isQuiet(simulation)) {
    if (simulation.now - from > CONVERGED_WITHIN_MS) throw new Violation('not equal in time');
    simulation.run(250);
  }
}

/** Everybody sees the same ring: each address of the universe is somebody's, and nobody else's. */
function judge(simulation: Simulation, settings: AddressSettings, checks: AddressChecks): void {
  const { start, end } = rangeOf(settings.ipam!([], 'first').universe);
  for (const machine of livingIn(simulation)) {
    const holdings = holdingsOf(machine, simulation.gone);
    if (holdings.length === 0) continue;
    let next = start;
    for (const holding of holdings) {
      if (holding.start !== next) {
        const all = holdings.map(
          one => `${one.start - start}-${one.end - start} v${one.version} ${one.owner.slice(-3)}`,
        );
        checks.fail(machine, `in the end, at ${next - start}:\n${all.join('\n')}`);
      }
      next = holding.end;
    }
    if (next !== end)
      checks.fail(machine, `in the end nobody holds ${next - start} to ${sizeOf({ start, end })}`);
  }
}

/** Who holds which part of the universe, by the facts that a machine has. */
function holdingsOf({ host, peer }: SimulatedMachine, gone: ReadonlySet<PeerId>): readonly Holding[] {
  const ring = createRingView();
  for (const entry of host!.facts.entries(IPAM)) {
    const { owner, domain, key } = entry;
    ring.update({ owner, domain, key, now: entry, previous: undefined });
  }
  const division = ring.custody(peer)?.division;
  if (division === undefined) return [];
  // A seed that was gone before it took its share: whoever says that it is gone has it taken over.
  const untaken = [...gone].flatMap(owner => {
    const isTaken = ring.custody(owner) !== undefined || ring.inheritor(owner, 0) !== undefined;
    const name = macFromBytes(fakeCrypto(owner).hash(new TextEncoder().encode(owner)));
    return isTaken ? [] : shareOf(division, name).map(range => ({ ...range, owner }));
  });
  return [...ring.holdings(division), ...untaken].sort((a, b) => a.start - b.start);
}
