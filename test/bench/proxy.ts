import { type } from '../support/lab/shell.ts';
import { withDocker } from './docker-stage.ts';
import type { Figure } from './measure.ts';

const ROUNDS = 300;
const CONTAINERS = 5;

/** What "docker ps" waits for longer where it asks the proxy. */
export async function run(): Promise<readonly Figure[]> {
  return withDocker(async ({ engine, host, proxy }) => {
    for (let index = 0; index < CONTAINERS; index += 1)
      await type(host, `docker run -d --name box${index} busybox sleep 600`);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const took = { engine: 0, proxy: 0 };
      for (const side of round % 2 === 0 ? (['engine', 'proxy'] as const) : (['proxy', 'engine'] as const)) {
        const began = performance.now();
        await { engine, proxy }[side].ask('GET', '/containers/json');
        took[side] = performance.now() - began;
      }
      if (round === 0) continue; // Warms both up.
      ours.push(took.proxy - took.engine);
      theirs.push(took.engine);
    }
    const against = 'the engine itself';
    return [
      { bench: 'proxy', unit: 'ms', ours, theirs, against, limited: 'value', limit: 3, must: 'at-most' },
    ];
  });
}
