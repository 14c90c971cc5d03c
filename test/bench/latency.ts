import type { Host } from '../support/lab/host.ts';
import type { Figure } from './measure.ts';
import { alternate, makePairs } from './pairs.ts';
import { type Mesh, withMesh } from './stage.ts';

const ROUNDS = 10;
const PINGS = 500;

/** The mean of pings between containers on two hosts, against the same over a VXLAN device made by hand. */
export async function run(): Promise<readonly Figure[]> {
  const { ours, byHand } = await withMesh(2, async (mesh: Mesh) => {
    const { host } = mesh.members[0]!;
    const pairs = await makePairs(mesh);
    return alternate(ROUNDS, pairs, ({ namespace, addresses }) => ping(host, namespace, addresses[1]));
  });
  const compared = { ours, theirs: byHand, against: 'a VXLAN device made by hand', paired: true } as const;
  return [{ ...compared, bench: 'latency', unit: 'us', limited: 'ratio', limit: 1.05, must: 'at-most' }];
}

/** The mean, in microseconds. */
async function ping(host: Host, namespace: string, address: string): Promise<number> {
  const command = ['ip', 'netns', 'exec', namespace, 'ping', '-q', '-i', '0.002', '-c', `${PINGS}`, address];
  const said = await host.succeed(command);
  const mean = /= [\d.]+\/([\d.]+)\//.exec(said)?.[1];
  if (mean === undefined || !said.includes(' 0% packet loss')) throw new Error(`pings were lost: ${said}`);
  return Number(mean) * 1000;
}
