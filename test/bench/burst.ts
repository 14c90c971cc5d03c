import { type Asker, withDocker } from './docker-stage.ts';
import type { Figure } from './measure.ts';

const CONTAINERS = 50;
const ROUNDS = 5;

/** Containers that are made and started all at once: through the proxy, each with an address on the mesh, and without. */
export async function run(): Promise<readonly Figure[]> {
  return withDocker(async ({ engine, proxy }) => {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const sides = [
        [proxy, ours],
        [engine, theirs],
      ] as const;
      for (const [asker, samples] of round % 2 === 0 ? sides : sides.toReversed()) {
        const began = performance.now();
        const ids = await Promise.all(Array.from({ length: CONTAINERS }, () => start(asker)));
        const took = (performance.now() - began) / 1_000;
        if (asker === proxy) await attached(engine, ids);
        for (const id of ids) await engine.ask('DELETE', `/containers/${id}?force=1`);
        if (round > 0) samples.push(took);
      }
    }
    const against = 'the same without the mesh';
    return [
      {
        bench: 'burst',
        unit: 's',
        ours,
        theirs,
        against,
        limited: 'ratio',
        limit: 1.2,
        must: 'at-most',
        paired: true,
      },
    ];
  });
}

async function start(asker: Asker): Promise<string> {
  const made = await asker.ask('POST', '/containers/create', {
    Image: 'busybox',
    Cmd: ['sleep', '600'],
    HostConfig: {},
  });
  const { Id } = made as { Id: string };
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
