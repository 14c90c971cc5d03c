import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../../src/core/report.ts';
import { buildCountingRouters, type CountingRouter } from '../support/lab/counting.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab } from '../support/lab/lab.ts';
import { until } from '../support/until.ts';
import { EMPTY_START_S, type Figure, percentile } from './measure.ts';
import { gossipModel } from './model.ts';
import { addNamespaces, addressOf, attach, type Member, memberOf } from './stage.ts';

const HOSTS = 30;
const EMPTY_STARTS = 10;
const BROADCASTS = 30;
const PATIENCE_MS = 180_000;
/** Asking takes time away from those who are asked. */
const POLL_MS = 200;
const CALM_MS = 8_000;

/**
 * Thirty routers are started at once on this machine, and know only the first. When does each know all others, and when are
 * all 435 connections established? Then, how gossip gets around among them, against the simulator's model of it.
 */
export async function run(): Promise<readonly Figure[]> {
  const theirs = Array.from({ length: EMPTY_STARTS }, timeEmpty);
  const routers = await buildCountingRouters();
  const lab = await createLab({ hosts: HOSTS });
  try {
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    const [first] = lab.hosts;
    const counting = await Promise.all(lab.hosts.map(host => routers.start(host, [first!.address])));
    const known = await each(lab.hosts, knowsAll, seconds);
    const established = await each(lab.hosts, isEstablished, seconds);
    const cpu = await Promise.all(lab.hosts.map(async host => (await memberOf(host)).cpu()));
    const detail = { 'CPU seconds of a router': percentile(cpu, 50), 'of the first': cpu[0]! };
    const common = { unit: 's', theirs, control: EMPTY_START_S, against: 'node -e 0', detail } as const;
    const limited = { ...common, limited: 'value', must: 'at-most', percentile: 100 } as const;
    return [
      { ...limited, bench: 'together-known', ours: known, limit: 15 },
      { ...limited, bench: 'together-established', ours: established, limit: 45 },
      ...(await measureGossip(lab.hosts, counting)),
    ];
  } finally {
    await lab.destroy();
    routers.remove();
  }
}

function timeEmpty(): number {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return (performance.now() - started) / 1000;
}

const knowsAll = ({ peers }: Report): boolean =>
  peers.length === HOSTS && peers.every(({ nickname }) => nickname !== '');
const isEstablished = ({ connections }: Report): boolean =>
  connections.filter(({ state }) => state === 'established').length === HOSTS - 1;

/** There is no router yet. */
const isAbsent = (): boolean => false;

/** One host after the other, until `holds`; gives when that was seen. */
async function each(
  hosts: readonly Host[],
  holds: (report: Report) => boolean,
  seconds: () => number,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (const host of hosts) {
    while (!(await memberOf(host).then(async member => holds(await member.report()), isAbsent))) {
      if (seconds() * 1000 > PATIENCE_MS) throw new Error(`${host.name} has not got there`);
      await sleep(POLL_MS);
    }
    times.push(seconds());
  }
  return times;
}

/** How long gossip takes to the last of the hosts, and how many copies of it each gets. */
async function measureGossip(
  hosts: readonly Host[],
  counting: readonly CountingRouter[],
): Promise<readonly Figure[]> {
  const members = await Promise.all(hosts.map(memberOf));
  // What the last connections gave rise to has been told by then.
  await sleep(CALM_MS);
  await Promise.all(counting.map(router => router.counts()));
  for (let index = 0; index < BROADCASTS; index += 1) {
    const member = members[index % members.length]!;
    await addNamespaces(member.host, `box${index}-`, 1);
    await attach(member, `box${index}-0`, addressOf(index));
  }
  await Promise.all(members.map(member => hasEndpoints(member)));
  const counts = await Promise.all(counting.map(router => router.counts()));
  const begun = counts.flatMap(({ begun }) => Object.entries(begun));
  const latencies: number[] = [];
  const copies: number[] = [];
  for (const [name, at] of begun) {
    const heard = counts.flatMap(({ heard }) => heard[name] ?? []);
    // What began or ended outside of the window was not seen by all.
    if (heard.length < HOSTS - 1) continue;
    latencies.push(Math.max(...heard.map(one => one.at)) - at);
    copies.push(heard.reduce((sum, one) => sum + one.copies, 0) / heard.length);
  }
  if (copies.length < BROADCASTS / 2)
    throw new Error(`only ${copies.length} of ${begun.length} broadcasts seen`);
  const model = gossipModel(HOSTS, BROADCASTS);
  const against = "the simulator's model of gossipsub";
  const common = { against, must: 'at-most' } as const;
  return [
    {
      ...common,
      bench: 'together-copies',
      unit: 'copies at a host',
      ours: copies,
      theirs: model.copies,
      limited: 'ratio',
      limit: 2,
    },
    {
      ...common,
      bench: 'together-gossip',
      unit: 'ms to the last host',
      ours: latencies,
      theirs: model.lastMs,
      // In the model computing takes no time, so the ratio says how much it takes here.
      limited: 'value',
      limit: 250,
    },
  ];
}

async function hasEndpoints(member: Member): Promise<void> {
  let count = 0;
  await until(
    async () => {
      count = (await member.report()).endpoints.length;
      return count === BROADCASTS || undefined;
    },
    () => `${member.host.name} has ${count} of ${BROADCASTS} endpoints`,
  );
}
