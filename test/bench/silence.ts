import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/until.ts';
import type { Figure } from './measure.ts';
import { connected, type Member, type Mesh, withMesh } from './stage.ts';

const ROUNDS = 12;
/** What `report` takes on a quiet machine, with the way to the socket. */
const QUIET_REPORT_S = 0.005;

/** From the moment when no frame gets through between two hosts, and nobody says so, until one router shows it. */
export async function run(): Promise<readonly Figure[]> {
  const { ours, theirs } = await withMesh(3, measure);
  const common = { unit: 's', ours, theirs, against: 'one report', control: QUIET_REPORT_S } as const;
  const limited = { ...common, limited: 'value', must: 'at-most' } as const;
  return [
    { ...limited, bench: 'silence-p50', limit: 4 },
    { ...limited, bench: 'silence-max', limit: 6, percentile: 100 },
  ];
}

async function measure({ members, lab }: Mesh): Promise<Pick<Figure, 'ours' | 'theirs'>> {
  const [here, there] = [members[0]!, members[1]!];
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked = performance.now();
    await here.report();
    theirs.push((performance.now() - asked) / 1000);
    // Heartbeats have a rhythm; the rounds must not keep time with it.
    await sleep(1_000 * (round / ROUNDS));
    await lab.cut(here.host, there.host);
    const cut = performance.now();
    await shown(here, there);
    ours.push((performance.now() - cut) / 1000);
    await lab.heal(here.host, there.host);
    await connected(here, members.length - 1);
  }
  return { ours, theirs };
}

const shown = (here: Member, there: Member): Promise<true> =>
  until(
    async () => {
      const { connections } = await here.report();
      return (
        connections.find(({ peer }) => peer?.nickname === there.host.name)?.state === 'suspect' || undefined
      );
    },
    () => 'the silence was not shown',
  );
