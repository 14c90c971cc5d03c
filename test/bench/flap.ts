import { createVirtualMesh, type VirtualHost } from '../support/virtual-mesh.ts';
import { traffic } from '../support/virtual-traffic.ts';
import type { Figure } from './measure.ts';

const DAY_MS = 24 * 3_600_000;
const FORMING_MS = 15_000;
const LOSS = 0.1;
const SEEDS = [1, 2, 3, 4, 5];
/** More often than traffic is forgotten. */
const LOOK_MS = 30_000;

/**
 * Three hosts that talk with one another for a day of virtual time, each of whose frames is lost with one chance in ten:
 * how often frames were sent another way.
 */
export async function run(): Promise<readonly Figure[]> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (const seed of SEEDS) {
    const mesh = createVirtualMesh({ seed, dataLoss: LOSS });
    for (let host = 0; host < 3; host += 1) mesh.add(mesh.hosts.slice(0, 1));
    mesh.run(FORMING_MS);
    const [a, b, c] = mesh.hosts as [VirtualHost, VirtualHost, VirtualHost];
    const changes = (): number =>
      mesh.hosts.flatMap(({ logs }) => logs.filter(({ message }) => message.startsWith('frames go'))).length;
    const before = changes();
    mesh.probes.length = 0;
    traffic(
      mesh,
      DAY_MS,
      [
        [a, b],
        [b, c],
        [c, a],
      ],
      LOOK_MS,
    );
    ours.push(changes() - before);
    theirs.push(mesh.probes.length);
  }
  const names = { bench: 'flap', unit: 'path changes in 24 h', against: 'the echoes sent' };
  return [{ ...names, ours, theirs, percentile: 100, limited: 'value', limit: 0, must: 'at-most' }];
}
