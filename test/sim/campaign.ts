import { parseArgs } from 'node:util';
import { currentCommit, writeReport } from './campaign-report.ts';
import { addCounters, createCounters, type Sight, unseen } from './counters.ts';
import type { Settings, Wishes } from './settings.ts';
import { shrink } from './shrink.ts';
import type { Trial } from './stage.ts';

/** A program that runs many seeds: what one of them does, and how it is typed. */
export interface Campaign<Kind extends Settings> {
  readonly title: string;
  readonly command: string;
  readonly sights: readonly Sight[];
  draw(seed: number, wishes: Wishes): Kind;
  run(settings: Kind): Trial<Kind>;
}

/** A campaign that is ended early has told what it came to. */
const REPORT_EVERY = 10;

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs the seeds that the command line asks for; the process ends with 1 where one failed, or something was never met. */
export function runCampaign<Kind extends Settings>(campaign: Campaign<Kind>): void {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      events: { type: 'string' },
      hosts: { type: 'string' },
      minutes: { type: 'string' },
      without: { type: 'string', default: '' },
      first: { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
      report: { type: 'string' },
    },
  });
  const wishes: Wishes = {
    hosts: numberOf(values.hosts),
    minutes: numberOf(values.minutes),
    without: values.without.split(',').filter(name => name !== ''),
  };
  const first = Number(values.seed);
  // Ends with the seed that brings the events to so many, where that is asked for.
  const enough = numberOf(values.events) ?? Number.POSITIVE_INFINITY;
  const limit = values.events === undefined ? first + Number(values.seeds) - 1 : Number.POSITIVE_INFINITY;
  const counters = createCounters();
  const converged: number[] = [];
  let events = 0;
  let hostHours = 0;
  const failed: number[] = [];
  const started = process.cpuUsage();
  const commit = values.report === undefined ? '' : currentCommit();
  const cpuSeconds = (): number => {
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1e6;
  };

  let last = first - 1;
  const isDone = (): boolean => last >= limit || events >= enough || (values.first && failed.length > 0);
  while (!isDone()) {
    last += 1;
    const seed = last;
    const trial = campaign.run(campaign.draw(seed, wishes));
    addCounters(counters, trial.counters);
    events += trial.events;
    hostHours += trial.hostHours;
    if (trial.convergedMs !== undefined) converged.push(trial.convergedMs);
    if (trial.violation !== undefined) {
      failed.push(seed);
      say(`seed ${seed} FAILED: ${trial.violation}`);
      if (!values.quiet) say(`shrunk: ${shrink(campaign, trial.settings, wishes)}`);
    } else if (!values.quiet) say(describe(trial));
    if (values.report === undefined || (seed % REPORT_EVERY !== 0 && !isDone())) continue;
    const seeds = { first, last, failed };
    const sums = { events, hostHours, cpuSeconds: cpuSeconds(), converged, counters };
    writeReport(values.report, campaign, commit, process.argv.slice(2), { ...seeds, ...sums });
  }
  const cpu = cpuSeconds();
  converged.sort((a, b) => a - b);
  say(`seeds ${first} to ${last}: ${failed.length} failed (${failed.join(' ')})`);
  say(
    `${events} events, ${hostHours.toFixed(2)} host-hours in ${cpu.toFixed(1)} s of CPU: ` +
      `${(events / cpu / 1e6).toFixed(3)} M events/s, ${(hostHours / cpu).toFixed(2)} host-hours/s`,
  );
  say(`equal after the last fault: p50 ${converged[converged.length >> 1]} ms, max ${converged.at(-1)} ms`);
  for (const sight of campaign.sights) say(`  ${sight}: ${counters.get(sight) ?? 0}`);
  const missing = last > first ? unseen(counters, campaign.sights) : [];
  if (missing.length > 0) say(`never met: ${missing.join(', ')}`);
  process.exitCode = failed.length > 0 || missing.length > 0 ? 1 : 0;
}

const describe = ({ settings, events, convergedMs, trace }: Trial): string =>
  `seed ${settings.seed}: ${settings.hosts} hosts, ${settings.minutes} min, ${events} events, ` +
  `equal after ${convergedMs} ms, trace ${trace.toString(16)}`;
