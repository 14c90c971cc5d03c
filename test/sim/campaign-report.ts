import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Campaign } from './campaign.ts';
import type { Counters } from './counters.ts';
import type { Settings } from './settings.ts';

/** What a campaign has come to so far. */
export interface Sums {
  readonly first: number;
  readonly last: number;
  readonly failed: readonly number[];
  readonly events: number;
  readonly hostHours: number;
  readonly cpuSeconds: number;
  /** In milliseconds. */
  readonly converged: readonly number[];
  readonly counters: Counters;
}

/** The commit that runs; with a mark where files differ from it. */
export function currentCommit(): string {
  const git = (...words: string[]): string => execFileSync('git', words, { encoding: 'utf8' }).trim();
  const dirty = git('status', '--porcelain', '--', 'src', 'test') === '' ? '' : ', with changes';
  return git('rev-parse', '--short', 'HEAD') + dirty;
}

/** Writes the log of a campaign; it is written over and over while that runs, so that it is true whenever it ends. */
export function writeReport<Kind extends Settings>(
  file: string,
  { command, sights, title }: Campaign<Kind>,
  commit: string,
  words: readonly string[],
  sums: Sums,
): void {
  const { first, last, failed, events, hostHours, cpuSeconds, counters } = sums;
  const converged = [...sums.converged].sort((a, b) => a - b);
  const lines = [
    `# ${title}`,
    '',
    `Written by \`${command} -- ${words.join(' ')}\` at commit ${commit}. What is simulated and checked: [simulator.md](simulator.md).`,
    '',
    '| | |',
    '|---|---|',
    `| seeds | ${first} to ${last} (${last - first + 1}) |`,
    `| violations | ${failed.length}${failed.length === 0 ? '' : ` (seeds ${failed.join(' ')})`} |`,
    `| events | ${events} |`,
    `| host-hours | ${hostHours.toFixed(1)} |`,
    `| CPU | ${cpuSeconds.toFixed(0)} s |`,
    `| all equal after the last fault | p50 ${converged[converged.length >> 1]} ms, max ${converged.at(-1)} ms |`,
    '',
    'How often each rare thing was met:',
    '',
    '| sight | times |',
    '|---|---|',
    ...sights.map(sight => `| ${sight} | ${counters.get(sight) ?? 0} |`),
    '',
  ];
  writeFileSync(file, lines.join('\n'));
}
