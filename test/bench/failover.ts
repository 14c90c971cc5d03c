import { setTimeout as sleep } from 'node:timers/promises';
import { startProbe } from '../support/lab/probe.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';
import type { Figure } from './measure.ts';
import { addNamespaces, addressOf, attach, type Member, withMesh } from './stage.ts';

const ECHO_MS = 10;
/** Until a router has asked the kernel whether frames flow. */
const NOTICED_MS = 6_000;
const SETTLE_MS = 3_000;
/** Each pair of three hosts once. */
const PAIRS = [
  [0, 2],
  [0, 1],
  [1, 2],
] as const;
/** A path that does not answer is given up after so long. */
const PATIENCE_S = 3;

/**
 * Datagrams to the data port are dropped between two of three hosts: how long nothing got through, as an echo every 10 ms
 * between their containers has it, and how long after the end of that frames go straight again.
 */
export function run(): Promise<readonly Figure[]> {
  return withMesh(3, async ({ members }) => {
    for (const [index, member] of members.entries()) {
      await addNamespaces(member.host, 'box', 1);
      await attach(member, 'box0', addressOf(index));
    }
    const [away, back]: [number[], number[]] = [[], []];
    for (const [a, b] of PAIRS) {
      const [from, to] = [members[a]!, members[b]!];
      const probe = await startProbe(from.host, 'box0', addressOf(b), undefined, ECHO_MS);
      await sleep(NOTICED_MS);
      await drop(from, to);
      await drop(to, from);
      await goes(from, to, 'relay');
      await sleep(SETTLE_MS);
      const started = performance.now();
      for (const { host } of [from, to]) await type(host, 'nft delete table ip lab');
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const)
        await goes(one, other, 'fastdp');
      back.push((performance.now() - started) / 1_000);
      away.push((await probe.stop()).lostMs / 1_000);
    }
    const common = { unit: 's', percentile: 100, limited: 'value', must: 'at-most' } as const;
    const theirs = PAIRS.map(() => PATIENCE_S);
    const against = 'what a path is waited for';
    return [
      { ...common, bench: 'failover', ours: away, theirs, against, limit: 5 },
      { ...common, bench: 'failover-back', ours: back, theirs, against, limit: 15 },
    ];
  });
}

/** What comes to one from the other at the data port gets no further. */
const drop = ({ host }: Member, from: Member): Promise<string> =>
  type(
    host,
    `nft 'add table ip lab; add chain ip lab in { type filter hook prerouting priority -350; };
      add rule ip lab in ip saddr ${from.host.address} udp dport 6784 drop'`,
  );

function goes(from: Member, to: Member, wanted: 'relay' | 'fastdp'): Promise<true> {
  let shown = '';
  return until(
    async () => {
      const { paths } = await from.report();
      const path = paths.find(({ peer }) => peer.nickname === to.host.name);
      shown = JSON.stringify(path);
      return path?.path === wanted || undefined;
    },
    () => `${from.host.name} to ${to.host.name} by ${wanted}; it is ${shown}`,
    30_000,
  );
}
