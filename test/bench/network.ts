import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import { type } from '../support/lab/shell.ts';
import type { Figure } from './measure.ts';

const ROUNDS = 12;

/**
 * From the command that makes a network on one host until a container on it has run on another, less what a container without
 * it takes there.
 */
export async function run(): Promise<readonly Figure[]> {
  const lab = await createDockerLab({ hosts: 2 });
  try {
    const [here, there] = lab.hosts as [DockerHost, DockerHost];
    await type(here, 'mesh launch --native');
    await type(there, 'mesh launch --native 192.168.48.11 --wait');
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const name = `net${round}`;
      const plain = await took(() => type(there, 'docker run --rm busybox true'));
      const whole = await took(async () => {
        const made = type(
          here,
          `docker network create -d mesh --ipam-driver mesh --subnet 10.40.${round * 4}.0/22 ${name}`,
        );
        const ran = type(
          there,
          `until docker network inspect ${name} > /dev/null 2>&1; do :; done; docker run --rm --network ${name} busybox true`,
        );
        await Promise.all([made, ran]);
      });
      await type(here, `until mesh network rm ${name} > /dev/null 2>&1; do sleep 0.1; done`);
      if (round === 0) continue; // Warms both up.
      ours.push((whole - plain) / 1_000);
      theirs.push(plain / 1_000);
    }
    const against = 'a container on no network of the mesh';
    return [
      { bench: 'network', unit: 's', ours, theirs, against, limited: 'value', limit: 0.5, must: 'at-most' },
    ];
  } finally {
    await lab.destroy();
  }
}

async function took(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}
