/** Does to paths what networks do, and writes what came of it into docs/paths.md. Takes ten minutes; needs root. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outcomes, TROUBLES } from './support/lab/troubles.ts';

const PAGE = join(import.meta.dirname, '../docs/paths.md');
const HEAD = `# What befalls a path, and what comes of it

Something befalls the path between the first and the last of two hosts, of three that all know one another (*triangle*), or of three
of which each knows the next alone (*chain*, \`--no-discovery\`), while containers on both send an echo every 10 ms. Written by
\`node test/paths.ts\` (a part of \`npm run test:long\`), from what the router of the first reports. *seconds*: until the path is the
one that is shown. *lost*: of the echoes that were sent from the beginning of it until 3 s after that.

Behind masquerade it takes longer: nobody can relay to such a host, which takes a relay three seconds to show, since what answers by it
may have to change its way first. "All UDP dropped" and "no route" leave two hosts without any way.

| what | hosts | path | seconds | lost | why |
|---|---|---|---|---|---|
`;

const rows = await outcomes();
let lines = '';
for (const { title } of TROUBLES)
  for (const { topology, path, seconds, lost, sent, why, isMet } of rows.filter(row => row.title === title)) {
    if (!isMet) process.exitCode = 1;
    const time = seconds === undefined ? '-' : seconds.toFixed(1);
    lines += `| ${[title, topology, path, time, `${lost} of ${sent}`, why].join(' | ')} |\n`;
  }
process.stdout.write(lines);
writeFileSync(PAGE, HEAD + lines);
