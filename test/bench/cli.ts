import { join } from 'node:path';
import { EMPTY_START_S, type Figure } from './measure.ts';
import { addNamespaces, withMesh } from './stage.ts';

const ROUNDS = 40;
const PROGRAM = join(import.meta.dirname, 'time-commands.ts');

/** Whole processes of the command line, against an empty one of node. */
export async function run(): Promise<readonly Figure[]> {
  const [empty = [], status = [], attach = []] = await withMesh(1, async ({ members: [member] }) => {
    const { host } = member!;
    await addNamespaces(host, 'box', ROUNDS + 1);
    // They are started by a process inside of the host: nsenter would count for both.
    const commands = [
      [process.execPath, '-e', '0'],
      ['mesh', 'status'],
      ['mesh', 'attach', '10.0.1.1{}/24', 'netns:/run/netns/box{}'],
    ];
    const printed = await host.succeed([process.execPath, PROGRAM, `${ROUNDS}`, JSON.stringify(commands)]);
    return (JSON.parse(printed) as number[][]).map(samples => samples.map(ms => ms / 1000));
  });
  const against = 'node -e 0';
  const common = { unit: 's', theirs: empty, against, must: 'at-most' } as const;
  return [
    { ...common, bench: 'cli-status', ours: status, limited: 'ratio', limit: 2.5 },
    { ...common, bench: 'cli-attach', ours: attach, limited: 'value', limit: 0.1, control: EMPTY_START_S },
  ];
}
