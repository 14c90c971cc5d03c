import { setTimeout as sleep } from 'node:timers/promises';
import { type Asker, openAsker } from '../support/dns/asker.ts';
import { attachAsker } from './asker.ts';
import { EMPTY_START_S, type Figure } from './measure.ts';
import { addNamespaces, addressOf, attach, connected, type Member, memberOf, withMesh } from './stage.ts';

const ROUNDS = 5;
const PAUSE_MS = 2;
const PORT = 5300;
/** On a host and in the switch: as containers ask that have no network of the mesh, and those that have. */
const LAUNCH = ['mesh', 'launch', '--native', '--dns-listen-address', `127.0.0.1:${PORT}`, '192.168.48.12'];
const KINDS = ['killed', 'stopped'] as const;

/** The longest time without an answer while a router is killed, or stopped, and started again; its own name, and another host's. */
export async function run(): Promise<readonly Figure[]> {
  const silences = { killed: [] as number[], stopped: [] as number[] };
  const theirs: number[] = [];
  await withMesh(2, async ({ members }) => {
    const [here, there] = [members[0]!, members[1]!];
    for (const [index, { host }] of members.entries()) {
      await addNamespaces(host, `box${index}`, 1);
      await attach(members[index]!, `box${index}0`, addressOf(index));
    }
    const askers = [
      await attachAsker(here, 'asker'),
      openAsker(`/proc/${here.host.pid}/ns/net`, '127.0.0.1', PORT),
    ];
    await restart(here, 'stopped');
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const kind of KINDS) {
        theirs.push(await emptyStart(here));
        await connected(await memberOf(here.host), 1);
        await connected(await memberOf(there.host), 1);
        silences[kind].push(await silenceWhile(askers, () => restart(here, kind)));
      }
    }
    for (const asker of askers) asker.close();
  });
  const common = {
    unit: 'ms',
    theirs,
    against: 'an empty node start',
    control: EMPTY_START_S * 1_000,
  } as const;
  return KINDS.map(kind => ({
    ...{ ...common, bench: `dns-restart-${kind}`, ours: silences[kind] },
    ...({ percentile: 100, limited: 'value', limit: 800, must: 'at-most' } as const),
  }));
}

async function restart({ host }: Member, kind: (typeof KINDS)[number]): Promise<void> {
  const { pid } = await memberOf(host);
  await host.succeed(kind === 'killed' ? ['kill', '-KILL', `${pid}`] : ['mesh', 'stop']);
  await host.succeed(LAUNCH);
}

async function emptyStart({ host }: Member): Promise<number> {
  const began = performance.now();
  await host.succeed([process.execPath, '-e', '0']);
  return performance.now() - began;
}

/** The longest time between two answers about one name at one place. Throws where an answer is wrong. */
async function silenceWhile(askers: readonly Asker[], action: () => Promise<void>): Promise<number> {
  let isOver = false;
  const watch = async (asker: Asker, index: number): Promise<number> => {
    let last = performance.now();
    let longest = 0;
    // Until it has answered again.
    for (let isAnswered = false; !(isOver && isAnswered); await sleep(PAUSE_MS)) {
      const answer = await asker.ask(`box${index}0.mesh.internal`);
      isAnswered = answer !== undefined;
      if (answer === undefined) continue;
      if (answer.join() !== addressOf(index)) throw new Error(`box${index}0 is "${answer.join()}"`);
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
    return longest;
  };
  const watches = Promise.all(askers.flatMap(asker => [0, 1].map(index => watch(asker, index))));
  await action();
  isOver = true;
  return Math.max(...(await watches));
}
