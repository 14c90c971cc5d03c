import { type } from '../support/lab/shell.ts';
import { type Asker, withDocker } from './docker-stage.ts';
import { type Figure, percentile } from './measure.ts';

const CONTAINERS = 50;
const ROUNDS = 4;
/** A second network of the engine's own, as cheap as it has one. */
const OWN = 'own';

/**
 * Containers that are made and started all at once: through the proxy, each with an address on the mesh, and without. The detail
 * tells how much of that is the engine's, which takes its time for any second network.
 */
export async function run(): Promise<readonly Figure[]> {
  return withDocker(async ({ engine, host, proxy }) => {
    await type(host, `docker network create ${OWN}`);
    const ours: number[] = [];
    const theirs: number[] = [];
    const second: number[] = [];
    const sides = [
      { start: () => start(proxy), samples: ours, check: attached },
      { start: () => start(engine), samples: theirs },
      { start: () => start(engine, OWN), samples: second },
    ];
    for (let round = 0; round <= ROUNDS; round += 1) {
      // None is always the last.
      for (const { check, samples, start: begin } of round % 2 === 0 ? sides : sides.toReversed()) {
        const began = performance.now();
        const ids = await Promise.all(Array.from({ length: CONTAINERS }, begin));
        const took = (performance.now() - began) / 1_000;
        await check?.(engine, ids);
        for (const id of ids) await engine.ask('DELETE', `/containers/${id}?force=1`);
        if (round > 0) samples.push(took);
      }
    }
    const detail = {
      'on two bridges of the engine itself, ratio': percentile(second, 50) / percentile(theirs, 50),
    };
    const common = { unit: 's', ours, theirs, against: 'the same without the mesh', detail } as const;
    return [{ ...common, bench: 'burst', limited: 'ratio', limit: 1.2, must: 'at-most', paired: true }];
  });
}

async function start(asker: Asker, network?: string): Promise<string> {
  const body = { Image: 'busybox', Cmd: ['sleep', '600'], HostConfig: {} };
  const { Id } = (await asker.ask('POST', '/containers/create', body)) as { Id: string };
  if (network !== undefined) await asker.ask('POST', `/networks/${network}/connect`, { Container: Id });
  await asker.ask('POST', `/containers/${Id}/start`);
  return Id;
}

/** Each runs, with an address of its own. */
async function attached(engine: Asker, ids: readonly string[]): Promise<void> {
  const all = (await engine.ask('GET', '/containers/json')) as readonly {
    Id: string;
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  }[];
  const mine = all.filter(({ Id }) => ids.includes(Id));
  const addresses = new Set(
    mine.map(({ NetworkSettings }) => NetworkSettings.Networks['mesh']?.IPAddress || 'none'),
  );
  if (mine.length !== CONTAINERS || addresses.size !== CONTAINERS || addresses.has('none'))
    throw new Error(`${mine.length} of ${CONTAINERS} containers run, with ${addresses.size} addresses`);
}
