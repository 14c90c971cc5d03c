import { setTimeout as sleep } from 'node:timers/promises';
import { type } from '../lab/shell.ts';
import { until } from '../until.ts';
import { createDockerLab, type DockerHost } from './docker-lab.ts';
import { endEngine, engineAnswers, startEngine } from './engine.ts';

/** How the engine ends, and where the router is meanwhile. */
export const ENDINGS = ['SIGTERM', 'SIGKILL', 'live-restore'] as const;
export const PLACES = ['up', '8 s late', 'after the engine', 'in a container'] as const;
export type Ending = (typeof ENDINGS)[number];
export type Place = (typeof PLACES)[number];

export interface Boot {
  /** Until the engine answered, in seconds from its start. */
  readonly engine: number;
  /** Until all containers ran and reached one another. */
  readonly containers: number;
  /** Whether they have the addresses that they had. */
  readonly kept: boolean;
  /** Addresses that nothing has. */
  readonly leaked: number;
}

const BOXES = ['box1', 'box2'];
const ADDRESSES = ['10.32.0.21', '10.32.0.22'];
const BACK_MS = 120_000;
const NETWORK = 'until docker network inspect mesh >/dev/null 2>&1; do sleep 0.1; done';

/** One host, two containers that are to come back: one with an address of its own, both on a network of the mesh. */
export async function playBoot(ending: Ending, place: Place): Promise<Boot> {
  const lab = await createDockerLab({ hosts: 1 });
  try {
    return await play(lab.hosts[0]!, ending, place);
  } finally {
    await lab.destroy();
  }
}

async function play(host: DockerHost, ending: Ending, place: Place): Promise<Boot> {
  const flags = ending === 'live-restore' ? '--live-restore' : '';
  const launch = place === 'in a container' ? 'mesh launch' : 'mesh launch --native';
  if (flags !== '') {
    await endEngine(host, 'TERM');
    await startEngine(host, flags);
    await engineAnswers(host);
  }
  await type(host, launch);
  await type(host, NETWORK);
  for (const [index, name] of BOXES.entries())
    await type(
      host,
      `docker run -dit --restart always --network mesh --ip ${ADDRESSES[index]} --name ${name} busybox`,
    );
  const isAway = place === '8 s late' || place === 'after the engine';
  if (isAway) await type(host, 'mesh stop');
  await endEngine(host, ending === 'SIGKILL' ? 'KILL' : 'TERM');
  const began = performance.now();
  await startEngine(host, flags);
  const answered = engineAnswers(host);
  if (place === '8 s late') await sleep(8_000);
  if (place === 'after the engine') await answered;
  if (isAway) await type(host, launch);
  const engine = await answered;
  await until(
    async () => ((await reach(host)) ? true : undefined),
    () => `${ending}, router ${place}: the containers have not come back`,
    BACK_MS,
  );
  const containers = (performance.now() - began) / 1_000;
  const kept = (await addresses(host)).join() === ADDRESSES.join();
  await until(
    async () => ((await leaks(host)) === 0 ? true : undefined),
    () => `${ending}, router ${place}: addresses are left`,
    BACK_MS,
  );
  return { engine, containers, kept, leaked: await leaks(host) };
}

async function addresses(host: DockerHost): Promise<readonly string[]> {
  const format = '{{.NetworkSettings.Networks.mesh.IPAddress}}';
  return (await type(host, `docker inspect -f '${format}' ${BOXES.join(' ')}`)).trim().split('\n');
}

async function reach(host: DockerHost): Promise<boolean> {
  const ping = await host.docker(['exec', BOXES[0]!, 'ping', '-c', '1', '-W', '1', ADDRESSES[1]!]);
  const back = await host.docker(['exec', BOXES[1]!, 'ping', '-c', '1', '-W', '1', ADDRESSES[0]!]);
  return ping.status === 0 && back.status === 0;
}

/** Addresses given to something that is no endpoint of a container that runs. */
async function leaks(host: DockerHost): Promise<number> {
  const { stdout } = await host.mesh(['ps', '--json']);
  const all = JSON.parse(stdout) as readonly { container: string; addresses: readonly string[] }[];
  const held = all.filter(({ container }) => /^(endpoint|docker):/.test(container));
  const isKnown = (address: string): boolean => ADDRESSES.some(known => address.startsWith(`${known}/`));
  return held.filter(({ addresses }) => !addresses.every(isKnown)).length;
}
