import type { Host } from '../test/support/lab/host.ts';
import { installPrograms, obstacle, type Program } from '../test/support/lab/programs.ts';

/** How the examples talk: numbered steps, commands as if typed on a host, and what they print. */

export const say = (text = ''): void => void process.stdout.write(`${text}\n`);

/** Gives what announces a step of `count`. */
export const stepsOf =
  (count: number) =>
  (number: number, title: string): void =>
    say(`\n[${number}/${count}] ${title}`);

/** Shows a command as if typed on a host, and what it prints; throws where it fails. */
export async function show(host: Host, line: string): Promise<void> {
  say(`  ${host.name}# ${line}`);
  const { status, stdout, stderr } = await host.exec(['sh', '-c', line]);
  for (const printed of `${stdout}${stderr}`.split('\n').filter(text => text !== '')) say(`    ${printed}`);
  if (status !== 0) throw new Error(`"${line}" on ${host.name} ended with status ${status}`);
}

/** Installs what the example takes, or throws with what is missing. */
export function prepare(title: string, programs: readonly Program[]): void {
  installPrograms(programs, line => say(`  ${line}`));
  const why = obstacle(programs);
  if (why !== undefined) throw new Error(`${title} ${why}`);
}
