import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../support/lab/host.ts';
import { until } from '../support/until.ts';
import { type Figure, percentile } from './measure.ts';
import { alternate, makePairs, type Pairs } from './pairs.ts';
import { type Member, type Mesh, withMesh } from './stage.ts';

const ROUNDS = 9;
const SECONDS = 2;
/** One owner has at most 4,096 live entries. */
const PAPER_ROUTERS = 3;
const PAPER_ENDPOINTS = 3_334;
/** Copies of the last news still come in for a while. */
const SETTLE_MS = 10_000;
const PAPER_ROUTER = join(import.meta.dirname, '../support/paper-router.ts');

/** TCP between containers on two hosts against a VXLAN device made by hand: in an empty mesh, and in a large one. */
export function run(): Promise<readonly Figure[]> {
  return withMesh(
    2,
    async mesh => {
      const pairs = await makePairs(mesh);
      for (const { host } of mesh.members) {
        for (const { namespace } of [pairs.ours, pairs.byHand])
          await host.spawn(['ip', 'netns', 'exec', namespace, 'iperf3', '--server']);
      }
      const small = await measure('throughput', mesh, pairs);
      await fill(mesh);
      await sleep(SETTLE_MS);
      return [...small, ...(await measure('throughput-10000', mesh, pairs))];
    },
    PAPER_ROUTERS,
  );
}

export interface Stream {
  readonly gbitPerSecond: number;
  /** How long it was. */
  readonly seconds: number;
  /** CPU time of both ends together. */
  readonly secondsPerGbit: number;
}

async function measure(bench: string, mesh: Mesh, pairs: Pairs): Promise<readonly Figure[]> {
  const { host } = mesh.members[0]!;
  const before = mesh.members.map(member => member.cpu());
  const started = performance.now();
  const { ours, byHand } = await alternate(ROUNDS, pairs, ({ namespace, addresses }) =>
    stream(host, namespace, addresses[1]),
  );
  const elapsed = (performance.now() - started) / 1000;
  const routers = mesh.members.map((member, index) => ((member.cpu() - before[index]!) / elapsed) * 100);
  const speeds = (streams: readonly Stream[]) => streams.map(({ gbitPerSecond }) => gbitPerSecond);
  const costs = (streams: readonly Stream[]) =>
    percentile(
      streams.map(({ secondsPerGbit }) => secondsPerGbit * 1000),
      50,
    );
  const against = 'a VXLAN device made by hand';
  const detail = { cpuMsPerGbit: costs(ours), cpuMsPerGbitByHand: costs(byHand) };
  return [
    {
      ...{ bench, unit: 'Gbit/s', ours: speeds(ours), theirs: speeds(byHand), against, paired: true, detail },
      ...{ limited: 'ratio', limit: 0.97, must: 'at-least' },
    },
    {
      ...{ bench: `${bench}-router-cpu`, unit: '%', ours: routers, theirs: routers.map(() => 100) },
      ...{ against: 'one core', percentile: 100, limited: 'value', limit: 1, must: 'at-most' },
    },
  ];
}

/** One stream to the other end, with a congestion control that costs little and is the same everywhere. */
export async function stream(host: Host, namespace: string | undefined, address: string): Promise<Stream> {
  const client = ['iperf3', '--client', address, '--congestion', 'reno', '--time', `${SECONDS}`, '--json'];
  const inside = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
  const printed = await host.succeed([...inside, ...client]);
  const { end } = JSON.parse(printed) as IperfReport;
  const gbitPerSecond = end.sum_received.bits_per_second / 1e9;
  const { host_total: sender, remote_total: receiver } = end.cpu_utilization_percent;
  const { seconds } = end.sum_received;
  return { gbitPerSecond, seconds, secondsPerGbit: (sender + receiver) / 100 / gbitPerSecond };
}

/** The part that we read of what iperf3 prints. */
interface IperfReport {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number; readonly seconds: number };
    readonly cpu_utilization_percent: { readonly host_total: number; readonly remote_total: number };
  };
}

/** Lets routers without a kernel tell of so many endpoints, and waits until both hosts have them in their tables. */
async function fill({ members, spare }: Mesh): Promise<void> {
  const count = String(PAPER_ENDPOINTS);
  const peer = members[0]!.host.address;
  const routers = spare.map(async (host, index) => {
    const first = `10.${100 + index}.0.0`;
    const router = await host.spawn([process.execPath, PAPER_ROUTER, host.address, count, first, peer]);
    const { status, stderr } = await router.ended;
    throw new Error(`the router on paper on ${host.name} ended with ${status}: ${stderr}`);
  });
  const full = members.map(member => filled(member, PAPER_ENDPOINTS * PAPER_ROUTERS));
  await Promise.race([Promise.all(full), ...routers]);
  // They end with the lab.
  for (const router of routers) router.catch(() => undefined);
}

async function filled({ host }: Member, wanted: number): Promise<void> {
  const inSwitch = ['nsenter', '--net=/run/mesh/switch', 'sh', '-c'];
  const count = async (table: string) => Number(await host.succeed([...inSwitch, `${table} | wc -l`]));
  let found: readonly number[] = [];
  await until(
    async () => {
      found = [await count('bridge fdb show dev vx-6784'), await count('ip neighbour show dev br-6784')];
      return found.every(entries => entries >= wanted) || undefined;
    },
    () => `${wanted} endpoints in the tables of ${host.name}; there are ${found.join(' and ')}`,
    150_000,
  );
}
