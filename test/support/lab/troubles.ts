import { setTimeout as sleep } from 'node:timers/promises';
import type { PathReport } from '../../../src/core/report.ts';
import type { Host } from './host.ts';
import { createLab, type Lab } from './lab.ts';
import { becomes, drop, NOTICED_MS, path } from './paths.ts';
import { startProbe } from './probe.ts';
import { type } from './shell.ts';

/** What networks do to paths, and what comes of it between hosts that stand in different ways to each other. */

const LAUNCH = 'mesh launch --native --no-dns';
const FORMED_MS = 60_000;
const ECHO_MS = 10;
/** What comes of it has to last so long. */
const AFTER_MS = 3_000;
const FULL = 1_450;

const TOPOLOGIES = {
  '2': { hosts: 2, discovery: true },
  triangle: { hosts: 3, discovery: true },
  chain: { hosts: 3, discovery: false },
} as const;
type Topology = keyof typeof TOPOLOGIES;

interface Trouble {
  readonly title: string;
  /** Between the first and the last host. */
  make(first: Host, last: Host, lab: Lab): Promise<unknown>;
  /** The first host's path as it should be then. */
  readonly wanted: (path: PathReport) => boolean;
  readonly withinMs: number;
}

export interface Outcome {
  readonly title: string;
  readonly topology: Topology;
  readonly path: string;
  /** Undefined where the path never was as it should be. */
  readonly seconds: number | undefined;
  readonly sent: number;
  readonly lost: number;
  readonly why: string;
  /** It became so in time, or the router says why not. */
  readonly isMet: boolean;
}

/** By a third host, or by both routers. */
const isHelped = ({ path: kind, mtu }: PathReport): boolean =>
  (kind === 'relay' || kind === 'sleeve') && mtu !== undefined;
const eachWay = (what: string) => async (first: Host, last: Host) => {
  await drop(last, first, what);
  await drop(first, last, what);
};

/** As behind a router that translates: what it sends leaves by another port, and only answers come in. */
const masquerade = (how: string) => (first: Host) =>
  type(
    first,
    `nft 'add table ip lab;
      add chain ip lab out { type nat hook postrouting priority srcnat; };
      add rule ip lab out oifname eth0 meta l4proto udp masquerade to :20000-60000 ${how};
      add chain ip lab in { type filter hook input priority filter; };
      add rule ip lab in iifname eth0 meta l4proto udp ct state new drop'`,
  );

export const TROUBLES: readonly Trouble[] = [
  {
    title: 'UDP to 6784 dropped one way',
    make: (first, last) => drop(last, first, 'udp dport 6784'),
    wanted: isHelped,
    withinMs: 5_000,
  },
  {
    title: 'UDP to 6784 dropped both ways',
    make: eachWay('udp dport 6784'),
    wanted: isHelped,
    withinMs: 5_000,
  },
  {
    title: 'all UDP dropped',
    make: eachWay('meta l4proto udp'),
    wanted: isHelped,
    withinMs: 5_000,
  },
  {
    title: 'over 700 bytes dropped',
    make: (first, last) => drop(last, first, 'udp dport 6784 meta length > 750'),
    wanted: ({ mtu = FULL }) => mtu <= 700,
    withinMs: 35_000,
  },
  {
    title: 'no route between them',
    make: (first, last, lab) => lab.cut(first, last),
    wanted: isHelped,
    withinMs: 5_000,
  },
  { title: 'the first behind masquerade', make: masquerade(''), wanted: isHelped, withinMs: 15_000 },
  {
    title: 'the first behind random masquerade',
    make: masquerade('random'),
    wanted: isHelped,
    withinMs: 15_000,
  },
  {
    title: 'underlay MTU of the first now 1280',
    make: first => type(first, 'ip link set eth0 mtu 1280'),
    wanted: ({ mtu = FULL }) => mtu <= 1_280 - 50,
    withinMs: 35_000,
  },
  {
    title: '10 % loss both ways',
    make: eachWay('numgen random mod 10 == 0'),
    wanted: ({ path: kind, loss }) => kind === 'fastdp' && loss > 0.05,
    withinMs: 35_000,
  },
];

/** All troubles in all topologies; each on hosts of its own. */
export async function outcomes(): Promise<readonly Outcome[]> {
  const played = (Object.keys(TOPOLOGIES) as Topology[]).map(async topology => {
    const rows: Outcome[] = [];
    for (const trouble of TROUBLES) {
      const row = await play(topology, trouble);
      process.stderr.write(`${JSON.stringify(row)}\n`);
      rows.push(row);
    }
    return rows;
  });
  return (await Promise.all(played)).flat();
}

async function play(topology: Topology, trouble: Trouble): Promise<Outcome> {
  const lab = await createLab({ hosts: TOPOLOGIES[topology].hosts });
  try {
    return await befall(lab, topology, trouble);
  } finally {
    await lab.destroy();
  }
}

async function befall(lab: Lab, topology: Topology, trouble: Trouble): Promise<Outcome> {
  const { title, wanted, withinMs } = trouble;
  await form(lab, topology);
  const [first, last] = [lab.hosts[0]!, lab.hosts.at(-1)!];
  const isWhole = ({ mtu }: PathReport): boolean => mtu === FULL;
  await becomes(first, last, isWhole, FORMED_MS);
  await becomes(last, first, isWhole, FORMED_MS);
  const before = await startProbe(first, 'box', addressOf(lab.hosts.length), undefined, ECHO_MS);
  await sleep(NOTICED_MS);
  await before.stop();
  const probe = await startProbe(first, 'box', addressOf(lab.hosts.length), undefined, ECHO_MS);
  await trouble.make(first, last, lab);
  const took = await becomes(first, last, wanted, withinMs).catch(() => undefined);
  await sleep(AFTER_MS);
  const { sent, answered } = await probe.stop();
  const found = await path(first, last);
  const size = found?.mtu === undefined ? '' : `, ${found.mtu} bytes`;
  return {
    ...{ title, topology, sent, lost: sent - answered },
    path: found?.path === undefined ? 'none' : `${found.path}${size}`,
    seconds: took === undefined ? undefined : took / 1_000,
    why: found?.why ?? '',
    isMet: took !== undefined || found?.why !== undefined,
  };
}

const addressOf = (number: number): string => `10.32.0.${number}`;

async function form({ hosts }: Lab, topology: Topology): Promise<void> {
  const { discovery } = TOPOLOGIES[topology];
  for (const [index, host] of hosts.entries()) {
    await host.addNamespace('box');
    const target = index === 0 ? '' : ` ${hosts[index - 1]!.address} --wait`;
    await type(host, `${LAUNCH}${discovery ? '' : ' --no-discovery'}${target}`);
    await type(host, `mesh attach ${addressOf(index + 1)}/12 netns:/run/netns/box`);
  }
}
