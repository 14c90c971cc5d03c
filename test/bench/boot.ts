import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import { engineAnswers, startEngine } from '../support/docker-lab/engine.ts';
import { powerCut } from '../support/docker-lab/power-cut.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';
import type { Figure } from './measure.ts';

const CONTAINERS = 20;
const NETWORKS = ['one', 'two', 'three', 'four'];
const ROUNDS = 3;
/** More than the engine needs for all of them on a busy machine. */
const BACK_MS = 180_000;
const LIMIT_S = 5;
/** What the unit that `mesh install` writes does before the engine may start. */
const LAUNCH = 'mesh launch --native; until [ -S /run/docker/plugins/mesh.sock ]; do sleep 0.1; done';

interface Side {
  readonly host: DockerHost;
  /** What comes up before the engine. */
  readonly before: string;
}

/**
 * A power cut on a host whose containers come back by themselves: until the engine answers again, with all on networks of the
 * mesh and a native router, against as many networks of the engine's own. Throws where one is not back.
 */
export async function run(): Promise<readonly Figure[]> {
  const lab = await createDockerLab({ hosts: 2 });
  try {
    const [ours, theirs] = lab.hosts as [DockerHost, DockerHost];
    await type(ours, LAUNCH);
    const sides: readonly Side[] = [
      { host: ours, before: LAUNCH },
      { host: theirs, before: 'true' },
    ];
    for (const { host } of sides) await populate(host, host === ours ? '-d mesh --ipam-driver mesh' : '');
    const took = new Map<Side, number[]>(sides.map(side => [side, []]));
    for (let round = 0; round < ROUNDS; round += 1)
      for (const side of sides) took.get(side)!.push(await boot(side));
    const [mine, other] = sides.map(side => took.get(side)!) as [number[], number[]];
    return [
      {
        ...{ bench: 'boot', unit: 's more', ours: mine.map((seconds, index) => seconds - other[index]!) },
        ...{ theirs: other, against: "the engine's own networks", limited: 'value', limit: LIMIT_S },
        must: 'at-most',
      },
    ];
  } finally {
    await lab.destroy();
  }
}

async function populate(host: DockerHost, driver: string): Promise<void> {
  for (const [index, network] of NETWORKS.entries())
    await type(host, `docker network create ${driver} --subnet 10.40.${index}.0/24 ${network}`);
  for (let box = 0; box < CONTAINERS; box += 1) {
    const network = NETWORKS[box % NETWORKS.length];
    await type(host, `docker run -dit --restart always --network ${network} --name box${box} busybox`);
  }
}

/** Seconds from power until the engine answers. */
async function boot({ host, before }: Side): Promise<number> {
  await powerCut(host);
  const began = performance.now();
  await type(host, before);
  await startEngine(host);
  await engineAnswers(host);
  const seconds = (performance.now() - began) / 1_000;
  let back = 0;
  await until(
    async () => {
      back = (await type(host, 'docker ps -q | xargs -r -n 1 -I {} docker exec {} ip -4 -o addr'))
        .split('\n')
        .filter(line => / 10\.40\./.test(line)).length;
      return back === CONTAINERS || undefined;
    },
    () => `${back} of ${CONTAINERS} containers are back and have their network`,
    BACK_MS,
  );
  return seconds;
}
