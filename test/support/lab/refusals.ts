import { expect } from 'vitest';
import type { Host } from './host.ts';
import { hostTraces, type } from './shell.ts';

/** A command that is refused. */
export interface Refusal {
  readonly command: string;
  readonly status: number;
  /** What it says on standard error after `mesh: `, whole. */
  readonly says: string | RegExp;
}

/** Types each command into a shell: it has to be refused in one line, and all of them leave the host as it was. */
export async function expectRefused(host: Host, ...refusals: readonly Refusal[]): Promise<void> {
  const before = await everything(host);
  for (const refusal of refusals) await expectOneLine(host, refusal);
  expect(await everything(host)).toBe(before);
}

async function expectOneLine(host: Host, { command, status, says }: Refusal): Promise<void> {
  const output = await host.exec(['sh', '-c', command], { timeoutMs: 45_000 });
  const line = /^mesh: ([^\n]+)\n$/.exec(output.stderr)?.[1] ?? `(not one line) ${output.stderr}`;
  expect({ status: output.status, stdout: output.stdout }, line).toEqual({ status, stdout: '' });
  if (typeof says === 'string') expect(line).toBe(says);
  else expect(line).toMatch(says);
}

/** What the router could leave and what it says. A start that is refused keeps its log, the identity that it made and copies of the store. */
async function everything(host: Host): Promise<string> {
  const kept = await type(
    host,
    `find /var/lib/mesh ! -name router.log ! -name identity.key ! -name '*.journal' ! -name '*.snapshot' | sort
     mesh status endpoints --json 2>&1; mesh status targets 2>&1; true`,
  );
  return `${await hostTraces(host)}${kept}`;
}
