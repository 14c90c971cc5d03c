import type { Host } from '../support/lab/host.ts';
import { createLab } from '../support/lab/lab.ts';
import { becomes } from '../support/lab/paths.ts';
import { type } from '../support/lab/shell.ts';
import { type Figure, percentile } from './measure.ts';
import { NEBULA_ADDRESSES, type Nebula, startNebula } from './nebula.ts';
import { type Member, memberOf } from './stage.ts';
import { stream } from './throughput.ts';

const ROUNDS = 7;
const BOXES = ['10.0.0.11', '10.0.0.12'] as const;

/** One TCP stream through both routers, plain and encrypted, against nebula between the same hosts. */
export async function run(): Promise<readonly Figure[]> {
  return [
    ...(await measure('plain', '', 6)),
    ...(await measure('encrypted', '--password-file /root/password', 5)),
  ];
}

async function measure(kind: string, flags: string, times: number): Promise<readonly Figure[]> {
  const lab = await createLab({ hosts: 2 });
  try {
    const hosts = lab.hosts as [Host, Host];
    const members: Member[] = [];
    for (const [index, host] of hosts.entries()) {
      await type(host, 'umask 077; echo correct horse >/root/password');
      const target = index === 0 ? '' : `${hosts[0].address} --wait`;
      await type(host, `mesh launch --native --no-dns --no-fastdp ${flags} ${target}`);
      await host.addNamespace('box');
      await type(host, `mesh attach ${BOXES[index]}/16 netns:/run/netns/box`);
      await host.spawn(['ip', 'netns', 'exec', 'box', 'iperf3', '--server']);
      members.push(await memberOf(host));
    }
    await becomes(hosts[0], hosts[1], ({ path, mtu }) => path === 'sleeve' && mtu !== undefined, 10_000);
    const nebula = await startNebula(hosts);
    await hosts[1].spawn(['iperf3', '--server', '--bind', NEBULA_ADDRESSES[1]]);
    return await compare(kind, times, hosts[0], members, nebula);
  } finally {
    await lab.destroy();
  }
}

interface Sample {
  readonly gbitPerSecond: number;
  /** CPU time that the processes that carry frames have used, for each Gbit. */
  readonly carrying: number;
}

async function compare(
  kind: string,
  times: number,
  from: Host,
  members: readonly Member[],
  nebula: Nebula,
): Promise<readonly Figure[]> {
  const routers = (): number => members.reduce((sum, member) => sum + member.cpu(), 0);
  const ours: Sample[] = [];
  const theirs: Sample[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const measureOurs = async () => ours.push(await sample(from, 'box', BOXES[1], routers));
    if (round % 2 === 0) await measureOurs();
    theirs.push(await sample(from, undefined, NEBULA_ADDRESSES[1], () => nebula.cpu()));
    if (round % 2 === 1) await measureOurs();
  }
  const costs = (samples: readonly Sample[]) => samples.map(({ carrying }) => carrying);
  const speeds = (samples: readonly Sample[]) => samples.map(({ gbitPerSecond }) => gbitPerSecond);
  const against = 'nebula';
  return [
    {
      ...{ bench: `sleeve-${kind}`, unit: 'Gbit/s', ours: speeds(ours), theirs: speeds(theirs), against },
      ...{ paired: true, limited: 'ratio', limit: times, must: 'at-least' },
      detail: { theirs: percentile(speeds(theirs), 50) },
    },
    {
      ...{ bench: `sleeve-${kind}-cpu`, unit: 'CPU-s per Gbit', ours: costs(ours), theirs: costs(theirs) },
      ...{ against, paired: true, limited: 'ratio', limit: 0.3, must: 'at-most' },
      detail: { theirs: percentile(costs(theirs), 50) },
    },
  ];
}

async function sample(
  from: Host,
  namespace: string | undefined,
  to: string,
  cpu: () => number,
): Promise<Sample> {
  const before = cpu();
  const { gbitPerSecond, seconds } = await stream(from, namespace, to);
  return { gbitPerSecond, carrying: (cpu() - before) / (gbitPerSecond * seconds) };
}
