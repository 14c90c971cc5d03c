import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Figure } from './measure.ts';
import type { Scale, Spread } from './scale-run.ts';

/** As many as fit into 10 GiB in a few minutes; the limits, which are meant for a thousand, are cut down likewise. */
const HOSTS = 400;
const MEANT_FOR = 1_000;
const HEAP_MB = 9_000;
const ENTRY = join(import.meta.dirname, 'scale-run.ts');

/** Many hosts in virtual time, each attaching a container at the same moment: a process of its own, for its heap. */
export async function run(): Promise<readonly Figure[]> {
  const argv = ['--expose-gc', `--max-old-space-size=${HEAP_MB}`, ENTRY, `${HOSTS}`];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { timeout: 1_200_000 });
  const { lossless, lossy, stateMb } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Scale;
  const against = (of: Spread): Pick<Figure, 'theirs' | 'against'> => ({
    // A message takes 20 ms at most, and has the diameter of the graph to go.
    theirs: [of.floorMs],
    against: 'the delays of the shortest ways alone',
  });
  const common = { limited: 'value', must: 'at-most' } as const;
  const state = { theirs: [HOSTS], against: 'hosts' };
  return [
    { ...common, bench: 'scale-spread', unit: 'ms', ours: [lossless.ms], ...against(lossless), limit: 1_000 },
    {
      ...common,
      bench: 'scale-spread-lossy',
      unit: 'ms',
      ours: [lossy.ms],
      ...against(lossy),
      limit: 30_000,
    },
    {
      ...common,
      bench: 'scale-messages',
      unit: 'messages a host',
      ours: [lossless.messages],
      ...state,
      limit: (2_000 * HOSTS) / MEANT_FOR,
      detail: { hosts: HOSTS, bytes: lossless.bytes, lossyMessages: lossy.messages, lossyBytes: lossy.bytes },
    },
    {
      ...common,
      bench: 'scale-state',
      unit: 'MB a host',
      ours: [stateMb],
      ...state,
      limit: (30 * HOSTS) / MEANT_FOR,
    },
  ];
}
