/**
 * Five hosts whose addresses come and go while much befalls their routers, then are cut in two for five minutes; what
 * test/lab/churn.test.ts does in a minute, at length. Needs root. usage: node test/churn.ts [OPERATIONS [SECONDS]]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { churn, createChurnLab, divide, oneView, UNIVERSE } from './support/lab/churn.ts';

const VIEW_MS = 10_000;

const [operations = '10000', seconds = '300'] = process.argv.slice(2);
const fail = (what: string): void => {
  process.stdout.write(`FAILED: ${what}\n`);
  process.exitCode = 1;
};
const seed = Date.now() % 1_000_000;
const lab = await createChurnLab(5);
try {
  const { counts, duplicates, free, given, lost } = await churn(lab, seed, Number(operations));
  process.stdout.write(`seed ${seed}: ${JSON.stringify(counts)}; ${given} held, ${free} free\n`);
  for (const twice of duplicates) fail(`held twice: ${twice}`);
  for (const one of lost) fail(`lost: ${one}`);
  if (free + given !== UNIVERSE) fail(`${free} free and ${given} held are not ${UNIVERSE}`);
  await divide(lab, 2, () => sleep(Number(seconds) * 1_000));
  const healed = performance.now();
  await oneView(lab, 6 * VIEW_MS);
  const took = performance.now() - healed;
  process.stdout.write(`cut in two for ${seconds} s: one view ${(took / 1_000).toFixed(1)} s after it\n`);
  if (took > VIEW_MS) fail(`no view within ${VIEW_MS / 1_000} s that all share`);
} finally {
  await lab.destroy();
}
