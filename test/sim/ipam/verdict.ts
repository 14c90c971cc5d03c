import { type Division, IPAM } from '../../../src/core/ipam/custody.ts';
import { shareOf } from '../../../src/core/ipam/shares.ts';
import { createRingView, type Holding, type RingView } from '../../../src/core/ipam/view.ts';
import { type HeldRange, rangeOf, sizeOf, without } from '../../../src/core/range.ts';
import type { SimulatedMachine } from '../machine.ts';
import type { Simulation } from '../simulation.ts';
import { livingIn } from '../verdict.ts';
import type { AddressChecks } from './checks.ts';
import { nameOf } from './settings.ts';

/** In the end everybody sees the same ring: each address of the universe is somebody's, and nobody else's. */
export function judgeRing(simulation: Simulation, checks: AddressChecks): void {
  const { start, end } = rangeOf(checks.universe);
  for (const machine of livingIn(simulation)) {
    const ring = ringOf(machine);
    const division = ring.custody(machine.peer)?.division;
    if (division === undefined) continue;
    const isMixed = ring
      .peers()
      .some(peer => ring.custody(peer)!.division.seeds.join() !== division.seeds.join());
    if (isMixed) simulation.saw('rings met');
    const untaken = untakenIn(simulation, ring, division);
    const holdings = [...standing(simulation, ring.holdings(division)), ...untaken].sort(
      (a, b) => a.start - b.start,
    );
    let next = start;
    for (const holding of holdings) {
      // Of two rings, a seed that joined the other one has left its share untaken.
      const isWrong = isMixed ? holding.start < next : holding.start !== next;
      if (isWrong) {
        const all = holdings.map(
          one => `${one.start - start}-${one.end - start} v${one.version} ${one.owner.slice(-3)}`,
        );
        checks.fail(machine, `in the end, at ${next - start}:\n${all.join('\n')}`);
      }
      next = holding.end;
    }
    if (next !== end && !isMixed)
      checks.fail(machine, `in the end nobody holds ${next - start} to ${sizeOf({ start, end })}`);
    const open = ring.custody(machine.peer)?.grants.find(({ to }) => !simulation.gone.has(to));
    if (open !== undefined) checks.fail(machine, `in the end a grant to ${open.to} is still under way`);
  }
}

function ringOf({ host }: SimulatedMachine): RingView {
  const ring = createRingView();
  for (const entry of host!.facts.entries(IPAM)) {
    const { owner, domain, key } = entry;
    ring.update({ owner, domain, key, now: entry, previous: undefined });
  }
  return ring;
}

/**
 * Without what one that is gone gave away in a word that was lost with the only one who heard it, and who has shown since that
 * it has it: nobody knows the whole of what the former said, and its heir takes no more than the rest. Nor twice what was
 * granted to it by one that was removed then and has come back, and that it had taken: it can't say so any more.
 */
function standing({ gone }: Simulation, all: readonly Holding[]): readonly Holding[] {
  return all.flatMap(holding => {
    if (!gone.has(holding.owner)) return [holding];
    const later = all.filter(other => other.version > holding.version);
    const rest = later.reduce<readonly HeldRange[]>((ranges, other) => without(ranges, other), [holding]);
    return rest.map(range => ({ ...range, owner: holding.owner }));
  });
}

/** Shares of seeds that were gone before they took them: whoever says that such a one is gone has it taken over. */
function untakenIn({ gone }: Simulation, ring: RingView, division: Division): readonly Holding[] {
  return [...gone].flatMap(owner => {
    const isTaken = ring.custody(owner) !== undefined || ring.inheritor(owner, 0) !== undefined;
    return isTaken ? [] : shareOf(division, nameOf(owner)).map(range => ({ ...range, owner }));
  });
}
