import { parseArgs } from 'node:util';
import { currentCommit, writeReport } from './campaign-report.ts';
import { addCounters, createCounters, unseen } from './counters.ts';
import { drawSettings, type Wishes } from './settings.ts';
import { shrink } from './shrink.ts';
import { runTrial, type Trial } from './trial.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hosts: { type: 'string' },
    minutes: { type: 'string' },
    without: { type: 'string', default: '' },
    first: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    report: { type: 'string' },
  },
});

/** A campaign that is ended early has told what it came to. */
const REPORT_EVERY = 10;

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const wishes: Wishes = {
  hosts: numberOf(values.hosts),
  minutes: numberOf(values.minutes),
  without: values.without.split(',').filter(name => name !== ''),
};
const first = Number(values.seed);
const last = first + Number(values.seeds) - 1;
const counters = createCounters();
const converged: number[] = [];
let events = 0;
let hostHours = 0;
const failed: Trial[] = [];
const started = process.cpuUsage();
const commit = values.report === undefined ? '' : currentCommit();

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1e6;
};

function report(upTo: number): void {
  if (values.report === undefined) return;
  const command = `npm run sim -- ${process.argv.slice(2).join(' ')}`;
  converged.sort((a, b) => a - b);
  const seeds = { first, last: upTo, failed: failed.map(trial => trial.settings.seed) };
  const sums = { events, hostHours, cpuSeconds: cpuSeconds(), converged, counters };
  writeReport(values.report, commit, command, { ...seeds, ...sums });
}

for (let seed = first; seed <= last && !(values.first && failed.length > 0); seed++) {
  const trial = runTrial(drawSettings(seed, wishes));
  addCounters(counters, trial.counters);
  events += trial.events;
  hostHours += trial.hostHours;
  if (trial.convergedMs !== undefined) converged.push(trial.convergedMs);
  if (trial.violation !== undefined) {
    failed.push(trial);
    say(`seed ${seed} FAILED: ${trial.violation}`);
    if (!values.quiet) say(`shrunk: ${shrink(trial, wishes)}`);
  } else if (!values.quiet) {
    say(
      `seed ${seed}: ${trial.settings.hosts} hosts, ${trial.settings.minutes} min, ${trial.events} events, ` +
        `equal after ${trial.convergedMs} ms, trace ${trial.trace.toString(16)}`,
    );
  }
  if (seed % REPORT_EVERY === 0 || seed === last) report(seed);
}
const cpu = cpuSeconds();
converged.sort((a, b) => a - b);
say(
  `seeds ${first} to ${last}: ${failed.length} failed (${failed.map(trial => trial.settings.seed).join(' ')})`,
);
say(
  `${events} events, ${hostHours.toFixed(2)} host-hours in ${cpu.toFixed(1)} s of CPU: ` +
    `${(events / cpu / 1e6).toFixed(3)} M events/s, ${(hostHours / cpu).toFixed(2)} host-hours/s`,
);
say(`equal after the last fault: p50 ${converged[converged.length >> 1]} ms, max ${converged.at(-1)} ms`);
for (const [sight, count] of counters) say(`  ${sight}: ${count}`);
const missing = unseen(counters);
if (last > first && missing.length > 0) say(`never met: ${missing.join(', ')}`);
process.exitCode = failed.length > 0 || (last > first && missing.length > 0) ? 1 : 0;
