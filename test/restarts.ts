/** Plays all that may befall a router, and writes what came of it into docs/restarts.md. Takes three minutes; needs root. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ORDEALS } from './support/lab/ordeals.ts';
import { createRestartStage, type Outcome, play } from './support/lab/restart-stage.ts';

const PAGE = join(import.meta.dirname, '../docs/restarts.md');
const HEAD = `# What befalls a router, and what comes of it

Two hosts with a container each, and a probe each millisecond from the first to the second, while something befalls the router of
the first. Written by \`node test/restarts.ts\` (a part of \`npm run test:long\`); \`test/lab/restarts.test.ts\` holds all rows but
that of a minute. *kept*: the interfaces of the switch and of the container have the index that they had; *go on*: their counters were
not set back. *seconds*: from the end of it until both routers call their connection established.

| what | probes lost | indexes | counters | seconds | meanwhile |
|---|---|---|---|---|---|
`;

function row(title: string, { counting, lost, replaced, said, seconds, sent }: Outcome): string {
  const indexes = replaced.length === 0 ? 'kept' : `other: ${replaced.join(', ')}`;
  const counters = counting.length === 0 ? 'go on' : `anew: ${counting.join(', ')}`;
  const cells = [title, `${lost} of ${sent}`, indexes, counters, seconds.toFixed(1), said ?? ''];
  return `| ${cells.join(' | ')} |\n`;
}

const isGood = ({ counting, lost, replaced }: Outcome): boolean =>
  lost === 0 && replaced.length === 0 && counting.length === 0;

const stage = await createRestartStage();
try {
  let rows = '';
  for (const ordeal of ORDEALS) {
    const outcome = await play(stage, ordeal);
    if (!isGood(outcome)) process.exitCode = 1;
    const line = row(ordeal.title, outcome);
    process.stdout.write(line);
    rows += line;
  }
  writeFileSync(PAGE, HEAD + rows);
} finally {
  await stage.destroy();
}
