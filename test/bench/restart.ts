import { setTimeout as sleep } from 'node:timers/promises';
import { type Probed, startProbe } from '../support/lab/probe.ts';
import type { Figure } from './measure.ts';
import { makePairs } from './pairs.ts';
import { connected, type Mesh, memberOf, withMesh } from './stage.ts';

const ROUNDS = 3;
const PROBES = 10_000;

/** Probes at 1 kHz between containers while both routers are killed and started again, against the same without. */
export async function run(): Promise<readonly Figure[]> {
  const { ours, theirs, seconds } = await withMesh(2, measure);
  const against = 'the same probes, nobody killed';
  const common = { bench: 'restart', unit: `answers to ${PROBES} probes`, against, ours, theirs } as const;
  const detail = { 'seconds until established': Math.max(...seconds) };
  return [{ ...common, detail, percentile: 0, limited: 'ratio', limit: 1, must: 'at-least' }];
}

interface Measured {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly seconds: readonly number[];
}

async function measure(mesh: Mesh): Promise<Measured> {
  const { ours: pair } = await makePairs(mesh);
  const host = mesh.members[0]!.host;
  const probe = async (meanwhile: () => Promise<void>): Promise<Probed> => {
    const probing = await startProbe(host, pair.namespace, pair.addresses[1], PROBES);
    await sleep(2_000);
    await meanwhile();
    return probing.ended;
  };
  const [ours, theirs, seconds]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    theirs.push((await probe(async () => {})).answered);
    ours.push((await probe(async () => void seconds.push(await killBoth(mesh)))).answered);
  }
  return { ours, theirs, seconds };
}

/** Gives the seconds from the kills until both are connected again. */
async function killBoth({ members }: Mesh): Promise<number> {
  const current = await Promise.all(members.map(({ host }) => memberOf(host)));
  const killed = performance.now();
  await Promise.all(current.map(({ host, pid }) => host.succeed(['kill', '-KILL', `${pid}`])));
  await Promise.all(
    current.map(({ host }) => host.succeed(['mesh', 'launch', '--native', '192.168.48.11', '192.168.48.12'])),
  );
  for (const { host } of current) await connected(await memberOf(host), 1);
  return (performance.now() - killed) / 1000;
}
