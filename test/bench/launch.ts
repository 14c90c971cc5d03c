import { join } from 'node:path';
import { EMPTY_START_S, type Figure, percentile } from './measure.ts';
import { withMesh } from './stage.ts';
import type { Launched } from './time-launches.ts';

const ROUNDS = 12;
const PROGRAM = join(import.meta.dirname, 'time-launches.ts');

/** From the start of a router's process, with nothing on disk or in the kernel, until it is connected to one peer. */
export async function run(): Promise<readonly Figure[]> {
  const rounds = await withMesh(
    1,
    async ({ members, spare }) => {
      const command = [process.execPath, PROGRAM, `${ROUNDS}`, members[0]!.host.address];
      return JSON.parse(await spare[0]!.succeed(command, { timeoutMs: 120_000 })) as readonly Launched[];
    },
    1,
  );
  const seconds = (pick: (round: Launched) => number): number[] => rounds.map(round => pick(round) / 1000);
  const names = Object.keys(rounds[0]!.pieces);
  const pieces = names.map(name => [
    name,
    percentile(
      seconds(({ pieces }) => pieces[name] ?? 0),
      50,
    ),
  ]);
  return [
    {
      ...{ bench: 'launch', unit: 's', ours: seconds(round => round.connected), against: 'node -e 0' },
      ...{
        theirs: seconds(round => round.empty),
        control: EMPTY_START_S,
        detail: Object.fromEntries(pieces),
      },
      ...{ limited: 'value', limit: 0.8, must: 'at-most' },
    },
  ];
}
