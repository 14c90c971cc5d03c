import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../../src/api/control/client.ts';
import type { Asker } from '../support/dns/asker.ts';
import { attachAsker, untilKnown } from './asker.ts';
import type { Figure } from './measure.ts';
import { addNamespaces, addressOf, attach, type Member, withMesh } from './stage.ts';

const COUNT = 100;
/** What the last change gave rise to is told by then. */
const CALM_MS = 150;
/** An answer to one question on a quiet machine. */
const QUIET_ANSWER_MS = 0.25;

interface Measured {
  /** From the answer to a user on one host until a container on another is told; 0 where it was told before. */
  readonly named: number[];
  readonly unnamed: number[];
  /** From the user's request on. */
  readonly whole: number[];
  /** One question and its answer. */
  readonly theirs: number[];
}

/** From a name given on one host until another answers with it, and from the name taken until it says that there is none. */
export async function run(): Promise<readonly Figure[]> {
  return [...figures(3, await measure(3), 5), ...figures(30, await measure(30), 15)];
}

function figures(hosts: number, { named, theirs, unnamed, whole }: Measured, limit: number): Figure[] {
  const common = {
    ...({ unit: 'ms', against: 'a question and its answer', theirs, control: QUIET_ANSWER_MS } as const),
    ...({ must: 'at-most', limited: 'value' } as const),
  };
  const detail = { 'median from the request on': whole.toSorted((a, b) => a - b)[whole.length >> 1]! };
  return [
    { ...common, bench: `name-${hosts}-p50`, ours: named, limit, detail },
    { ...common, bench: `name-${hosts}-p99`, ours: named, limit: 50, percentile: 99 },
    { ...common, bench: `unname-${hosts}-p50`, ours: unnamed, limit },
  ];
}

const measure = (hosts: number): Promise<Measured> =>
  withMesh(hosts, async ({ members }) => {
    const [here, there] = [members[0]!, members.at(-1)!];
    await addNamespaces(here.host, 'box', 1);
    await attach(here, 'box0', addressOf(0));
    const asker = await attachAsker(there, 'asker');
    const measured: Measured = { named: [], unnamed: [], whole: [], theirs: [] };
    for (let index = -5; index < COUNT; index += 1) {
      const one = await once(here, asker, `name${index + 5}.mesh.internal`);
      if (index < 0) continue; // Warms both up.
      for (const key of ['named', 'unnamed', 'whole', 'theirs'] as const) measured[key].push(one[key]);
    }
    asker.close();
    return measured;
  });

async function once(here: Member, asker: Asker, name: string): Promise<Record<keyof Measured, number>> {
  await sleep(CALM_MS);
  const asked = performance.now();
  await asker.ask(name);
  const theirs = performance.now() - asked;
  const known = untilKnown(asker, name, true);
  const [began, said] = await change(here, 'name', name);
  const at = await known;
  await sleep(CALM_MS);
  const unknown = untilKnown(asker, name, false);
  const [, taken] = await change(here, 'unname', name);
  const gone = await unknown;
  return { named: Math.max(0, at - said), unnamed: Math.max(0, gone - taken), whole: at - began, theirs };
}

/** Gives when it was asked for, and when it was done. */
async function change({ socket }: Member, kind: 'name' | 'unname', name: string): Promise<[number, number]> {
  const began = performance.now();
  const reply = await ask(socket, kind, { container: 'netns:/run/netns/box0', names: [name] });
  if (!reply.ok) throw new Error(`${kind}: ${reply.problem.code}`);
  return [began, performance.now()];
}
