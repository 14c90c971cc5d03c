import { setTimeout as sleep } from 'node:timers/promises';
import { ask, call } from '../../../src/api/control/client.ts';
import type { OwnedReply } from '../../../src/api/control/contract.ts';
import { createRandom } from '../../../src/core/host/random.ts';
import type { IpamReport, Report } from '../../../src/core/report.ts';
import { until } from '../until.ts';
import type { Host } from './host.ts';
import { createLab, type Lab } from './lab.ts';
import { type } from './shell.ts';

/** Hosts that give out addresses and take them back at random, while much befalls their routers; and what has to be true. */

const RANGE = '10.32.0.0/20';
const SIZE = 2 ** 12;
/** Network, service and broadcast address. */
const RESERVED = 3;
/** So many are held at a time on each host, about. */
const HELD = 150;
const ANSWER_MS = 6_000;
const STATE = '/var/lib/mesh';
const DISK = '/tmp/disk';
/** EXT4_IOC_SHUTDOWN without its log: from now on nothing more gets to the disk (linux/ext4.h). */
const CUT_OFF = `perl -e 'open F, "<", "${STATE}"; $how = pack "L", 2; ioctl F, 0x8004587d, $how or die $!'`;

type Random = ReturnType<typeof createRandom>;

interface Stage {
  readonly lab: Lab;
  readonly random: Random;
  /** By address: where it is for certain, and whose. */
  readonly held: Map<string, { readonly host: Host; readonly owner: string }>;
  readonly duplicates: string[];
  /** What has happened, by kind. */
  readonly counts: Record<string, number>;
  done: number;
  /** Each kind of fault has been there. */
  troubled: boolean;
}

export interface ChurnResult {
  readonly duplicates: readonly string[];
  /** Told as given to somebody, and not there at the end. */
  readonly lost: readonly string[];
  /** Addresses that hosts could give out at the end, and that are held. */
  readonly free: number;
  readonly given: number;
  readonly counts: Readonly<Record<string, number>>;
}

export const UNIVERSE = SIZE - RESERVED;

const socketOf = (host: Host): string => `/proc/${host.pid}/root/run/mesh/mesh.sock`;
const launch = (host: Host, lab: Lab) => {
  const peers = lab.hosts.filter(other => other !== host).map(({ address }) => address);
  const init = `--ipalloc-init consensus=${lab.hosts.length}`;
  return type(
    host,
    `mesh launch --native --ipalloc-range ${RANGE} --ipalloc-timeout 2 ${init} ${peers.join(' ')}`,
  );
};

async function routerOf(host: Host): Promise<number> {
  const health = await ask(socketOf(host), 'health');
  if (!health.ok) throw new Error(`${host.name}: ${health.problem.code}`);
  return health.value.pid;
}

async function reportOf(host: Host): Promise<Report> {
  const report = await ask(socketOf(host), 'report');
  if (!report.ok) throw new Error(`${host.name}: ${report.problem.code}`);
  return report.value;
}

/** A lab whose first host has a small disk for its state, so that it can be filled; the second has one that can be cut off. */
export async function createChurnLab(hosts: number): Promise<Lab> {
  const lab = await createLab({ hosts });
  await type(lab.hosts[0]!, `mount -t tmpfs -o size=16m,mode=700 tmpfs ${STATE}`);
  await type(
    lab.hosts[1]!,
    `truncate -s 64M ${DISK} && mkfs.ext4 -q ${DISK} && mount -o loop ${DISK} ${STATE} && rmdir ${STATE}/lost+found`,
  );
  for (const host of lab.hosts) await launch(host, lab);
  for (const host of lab.hosts) await type(host, 'mesh prime');
  return lab;
}

/** `operations` requests at least, spread over all hosts, while faults follow one another. */
export async function churn(lab: Lab, seed: number, operations: number): Promise<ChurnResult> {
  const stage: Stage = {
    ...{ lab, random: createRandom(seed), held: new Map(), duplicates: [] },
    ...{ counts: {}, done: 0, troubled: false },
  };
  const trouble = befall(stage, operations);
  await Promise.all(lab.hosts.map(host => use(stage, host, operations)));
  await trouble;
  return takeStock(stage);
}

async function use(stage: Stage, host: Host, operations: number): Promise<void> {
  while (stage.done < operations || !stage.troubled) {
    stage.done += 1;
    const own = [...stage.held].filter(([, place]) => place.host === host);
    const share = stage.random.fraction();
    const isFull = stage.random.fraction() * 2 * HELD < own.length;
    if (isFull) await release(stage, host, stage.random.pick(own)!);
    else if (share < 0.8) await take(stage, host, 'POST', '');
    else await take(stage, host, 'PUT', `/${addressAt(Math.floor(stage.random.fraction() * SIZE))}/20`);
  }
}

const addressAt = (number: number): string => `10.32.${number >> 8}.${number & 255}`;

async function take(stage: Stage, host: Host, method: 'POST' | 'PUT', path: string): Promise<void> {
  const owner = `${host.name}-${stage.done}-${Math.floor(stage.random.fraction() * 1e9)}`;
  const result = await call(socketOf(host), method, `/ip/${owner}${path}`, undefined, ANSWER_MS);
  count(stage, result.ok ? (method === 'POST' ? 'allocated' : 'claimed') : result.problem.code);
  if (!result.ok) {
    // No routers, or none that stays: don't spend the operations on it.
    await sleep(20);
    return;
  }
  const [cidr = ''] = (result.value as { addresses: string[] }).addresses;
  const address = cidr.split('/')[0]!;
  const other = stage.held.get(address);
  if (other !== undefined)
    stage.duplicates.push(`${address}: ${other.owner} on ${other.host.name}, ${owner} on ${host.name}`);
  stage.held.set(address, { host, owner });
}

async function release(
  stage: Stage,
  host: Host,
  [address, { owner }]: readonly [string, { readonly owner: string }],
): Promise<void> {
  // From the request on it may be another's.
  stage.held.delete(address);
  const result = await call(socketOf(host), 'DELETE', `/ip/${owner}`, undefined, ANSWER_MS);
  count(stage, result.ok ? 'released' : result.problem.code);
}

function count({ counts }: Stage, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

/** One fault after the other, each on a host at random; ends with all of it undone. */
async function befall(stage: Stage, operations: number): Promise<void> {
  const { lab, random } = stage;
  for (let round = 0; stage.done < operations || round < FAULTS.length; round += 1) {
    const name = FAULTS[round % FAULTS.length]!;
    count(stage, name);
    await CAUSES[name](lab, random);
    await sleep(500 * random.fraction());
    stage.troubled = round + 1 >= FAULTS.length;
  }
}

const CAUSES = { kill, power, standstill, partition, full };
/** What befalls the hosts, in turn. */
export const FAULTS = Object.keys(CAUSES) as (keyof typeof CAUSES)[];

async function kill(lab: Lab, random: Random): Promise<void> {
  const host = random.pick(lab.hosts)!;
  await type(host, `kill -KILL ${await routerOf(host)}`);
  await launch(host, lab);
}

/** The second host's power goes: of what its router wrote, only what it has synced is there again. */
async function power(lab: Lab): Promise<void> {
  const host = lab.hosts[1]!;
  await type(host, `kill -KILL ${await routerOf(host)}; ${CUT_OFF}`);
  await type(host, `timeout 20 sh -c 'until umount ${STATE}; do sleep 0.1; done'`);
  await type(host, `mount -o loop ${DISK} ${STATE}`);
  await launch(host, lab);
}

async function standstill(lab: Lab, random: Random): Promise<void> {
  const host = random.pick(lab.hosts)!;
  const pid = await routerOf(host);
  await type(host, `kill -STOP ${pid}; sleep ${1 + 4 * random.fraction()}; kill -CONT ${pid}`);
}

async function partition(lab: Lab, random: Random): Promise<void> {
  const cut = 1 + Math.floor(random.fraction() * (lab.hosts.length - 1));
  await divide(lab, cut, () => sleep(2_000 + 6_000 * random.fraction()));
}

/** Keeps the first `count` hosts from the others while `meanwhile` goes on. */
export async function divide<Value>(
  lab: Lab,
  count: number,
  meanwhile: () => Promise<Value>,
): Promise<Value> {
  const [left, right] = [lab.hosts.slice(0, count), lab.hosts.slice(count)];
  const pairs = left.flatMap(a => right.map(b => [a, b] as const));
  for (const [a, b] of pairs) await lab.cut(a, b);
  const value = await meanwhile();
  for (const [a, b] of pairs) await lab.heal(a, b);
  return value;
}

async function full(lab: Lab): Promise<void> {
  const host = lab.hosts[0]!;
  await type(host, `cat /dev/zero >${STATE}/ballast || true; sleep 2; rm ${STATE}/ballast`);
}

/** Who holds how much, as one host sees it; undefined while somebody is out of reach or waits. */
function viewOf({ ipam, state }: Report): string | undefined {
  const { shares, state: ring } = ipam as IpamReport;
  if (state !== 'ready' || ring !== 'ready' || shares.some(({ reachable }) => !reachable)) return undefined;
  return shares
    .map(({ addresses, peer }) => `${peer.id} ${addresses}`)
    .sort()
    .join();
}

/** Resolves when all hosts see the ring in the same way; gives what they see. */
export async function oneView(lab: Lab, limitMs: number): Promise<readonly Report[]> {
  let seen: readonly (string | undefined)[] = [];
  return until(
    async () => {
      const reports = await Promise.all(lab.hosts.map(reportOf));
      seen = reports.map(viewOf);
      return seen[0] !== undefined && new Set(seen).size === 1 ? reports : undefined;
    },
    () => `the hosts see different rings: ${JSON.stringify(seen)}`,
    limitMs,
  );
}

async function takeStock({ counts, duplicates, held, lab }: Stage): Promise<ChurnResult> {
  const reports = await oneView(lab, 60_000);
  const sum = (of: (ipam: IpamReport) => number) =>
    reports.reduce((all, { ipam }) => all + of(ipam as IpamReport), 0);
  const where = new Map<string, string>();
  const twice = [...duplicates];
  for (const host of lab.hosts) {
    const reply = await ask(socketOf(host), 'owned');
    if (!reply.ok) throw new Error(reply.problem.code);
    for (const { address, owner } of flat(reply.value)) {
      if (where.has(address)) twice.push(`${address}: ${where.get(address)}, ${owner} on ${host.name}`);
      where.set(address, owner);
    }
  }
  const lost = [...held].filter(([address, { owner }]) => where.get(address) !== owner);
  return {
    ...{ counts, duplicates: twice, free: sum(ipam => ipam.free), given: sum(ipam => ipam.given) },
    lost: lost.map(([address, { host, owner }]) => `${address} of ${owner} on ${host.name}`),
  };
}

const flat = ({ owned }: OwnedReply) =>
  owned.flatMap(({ addresses, owner }) => addresses.map(cidr => ({ address: cidr.split('/')[0]!, owner })));
