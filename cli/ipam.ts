import { ask } from '../src/api/control/client.ts';
import type { RepairedAddress } from '../src/api/control/contract.ts';
import { sortFindings } from '../src/api/control/finding.ts';
import { describe, ok, type Result, refuse } from '../src/core/errors.ts';
import type { Context } from './context.ts';
import { renderFindings } from './render/findings.ts';
import { ringFindings } from './render/ring.ts';

/** `mesh ipam doctor`: how the address ring stands, and what to type. Refuses where there is something to do. */
export async function ipamDoctor(context: Context): Promise<Result<void>> {
  const reply = await ask(context.socket, 'report');
  if (!reply.ok) return reply;
  const findings = sortFindings(ringFindings(reply.value));
  context.print(findings, renderFindings(findings));
  const count = findings.filter(({ level }) => level === 'problem').length;
  return count === 0 ? ok(undefined) : refuse({ code: 'obstacles', count });
}

/**
 * `mesh ipam repair [--dry-run]`: new addresses for containers of this host that lost theirs to another. Refuses with the
 * first reason where one could not be had.
 */
export async function ipamRepair(context: Context, dryRun: boolean): Promise<Result<void>> {
  const reply = await ask(context.socket, 'repair', { dryRun });
  if (!reply.ok) return reply;
  const { repaired } = reply.value;
  const lines = repaired.map(line);
  context.print(
    { repaired },
    lines.length > 0 ? lines.join('\n') : 'nothing to repair: no container of this host has lost an address',
  );
  const problem = repaired.find(each => each.problem !== undefined)?.problem;
  return problem === undefined ? ok(undefined) : refuse(problem);
}

function line({ after, before, containerName, problem }: RepairedAddress): string {
  const head = `${containerName}: ${before}`;
  if (problem !== undefined) return `${head} stays as it is: ${describe(problem)}`;
  return after === undefined ? `${head} is another's; it would get a new one` : `${head} -> ${after}`;
}
