import { type Cidr, subnetOf } from '../address.ts';
import { type Problem, type Result, refuse } from '../errors.ts';
import type { Addressing } from './addressing.ts';
import type { Attachments } from './attachments.ts';
import type { Lost } from './shortfall.ts';
import type { Reply } from './step.ts';

/** What became of an address of a container here that another container holds. */
export interface Repaired {
  readonly container: string;
  readonly containerName: string;
  readonly network: string;
  readonly before: Cidr;
  /** Undefined where there is none, or none was asked for. */
  readonly after: Cidr | undefined;
  readonly problem: Problem | undefined;
}

export interface RepairParts {
  readonly addressing: Addressing | undefined;
  readonly attachments: Attachments;
  /** Containers for which somebody waits for an address: each of them for one thing at a time. */
  readonly busy: Set<string>;
}

/**
 * Gives each container here that lost an address to another one a new address of the same subnet, one after the other. Only
 * says which those are where `dryRun`. What can't be had stays claimed as it was: its holder may let go of it.
 */
export function repair(parts: RepairParts, dryRun: boolean, answer: (result: Result<Reply>) => void): void {
  const lost = parts.attachments.lost();
  const repaired: Repaired[] = [];
  const go = (index: number): void => {
    const one = lost[index];
    if (one === undefined) return answer({ ok: true, value: { addresses: [], detached: [], repaired } });
    const next = (result: Result<Cidr | undefined>): void => {
      const after = result.ok ? result.value : undefined;
      repaired.push({ ...one, after, problem: result.ok ? undefined : result.problem });
      go(index + 1);
    };
    if (dryRun) next({ ok: true, value: undefined });
    else replace(parts, one, next);
  };
  go(0);
}

function replace(
  { addressing, attachments, busy }: RepairParts,
  lost: Lost,
  done: (result: Result<Cidr>) => void,
): void {
  const { container, containerName, network, before } = lost;
  if (addressing === undefined) return done(refuse({ code: 'ipam-off' }));
  if (busy.has(container) || attachments.isWaiting(network, container))
    return done(refuse({ code: 'container-busy', container: containerName }));
  busy.add(container);
  const had = attachments.addressesOf(network, container);
  addressing.allocate(
    container,
    subnetOf(before),
    result => {
      busy.delete(container);
      if (!result.ok) return done(result);
      if (attachments.exchange(network, container, before, result.value)) return done(result);
      // It was detached, or ended, while it waited for an address from elsewhere.
      addressing.release(container, false);
      done(refuse({ code: 'container-gone', container: containerName }));
    },
    { not: had },
  );
}
