import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from 'dns-packet';
import { readQuestion } from '../../src/api/dns/question.ts';
import type { Figure } from './measure.ts';

const SEEDS = join(import.meta.dirname, '../fuzz/seeds/dns');
const LENGTH = 107;
const TIMES = 200;

/** A datagram that stands for 49,294 answers: read by hand, and by the library that reads what the server wrote in tests. */
export async function run(): Promise<readonly Figure[]> {
  const all = readdirSync(SEEDS).map(name => readFileSync(join(SEEDS, name)));
  const bomb = all.find(({ length }) => length === LENGTH)!;
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let index = 0; index < TIMES; index += 1) {
    const before = performance.now();
    readQuestion(bomb);
    ours.push(performance.now() - before);
    if (index % 20 > 0) continue;
    const begun = performance.now();
    decode(bomb);
    theirs.push(performance.now() - begun);
  }
  return [
    {
      ...{ bench: 'dns-bomb', unit: 'ms', ours, theirs, against: 'decoding it with dns-packet' },
      ...{ percentile: 99, limited: 'value', limit: 1, must: 'at-most' },
    },
  ];
}
