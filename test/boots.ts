/** Engines that end and start again, with routers in every place: writes docs/engine-restarts.md. usage: node test/boots.ts */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENDINGS, PLACES, playBoot } from './support/docker-lab/boot.ts';

const HEAD = `# When the engine ends and starts again

Made by \`npm run test:long -- boots\`: one host, engine 20.10, two containers with \`--restart always\` on a network of the mesh.
Each cell: how long until the engine answers / until both containers run and reach each other, in seconds after the engine's
start. In all of them the containers have the addresses that they had, and no address is left behind.

The engine looks for a driver that is not there for 15 s (1 + 2 + 4 + 8), for each call, before it answers anybody; what it could not
start it never tries again. So with a router that comes after the engine, or as a container of it, each endpoint to be cleaned up
costs 15 s, and the router starts what the engine has given up on. A native router that is up before the engine (\`mesh install\`)
costs nothing. With \`--live-restore\` containers run on, and the engine asks nobody.

`;

const rows: string[] = [];
let failed = false;
for (const ending of ENDINGS) {
  const cells: string[] = [];
  for (const place of PLACES) {
    try {
      const { containers, engine, kept, leaked } = await playBoot(ending, place);
      const cell = `${engine.toFixed(0)} / ${containers.toFixed(0)}`;
      if (!kept || leaked > 0) failed = true;
      cells.push(kept && leaked === 0 ? cell : `${cell}, ${kept ? `${leaked} left` : 'other addresses'}`);
    } catch (error) {
      failed = true;
      cells.push(`FAILED: ${(error as Error).message.split('\n')[0]}`);
    }
    process.stdout.write(`${ending}, router ${place}: ${cells.at(-1)}\n`);
  }
  rows.push(`| ${ending} | ${cells.join(' | ')} |`);
}
const head = `| engine ends by | ${PLACES.map(place => `router ${place}`).join(' | ')} |\n|${'---|'.repeat(PLACES.length + 1)}\n`;
writeFileSync(join(import.meta.dirname, '../docs/engine-restarts.md'), `${HEAD}${head}${rows.join('\n')}\n`);
process.exit(failed ? 1 : 0);
