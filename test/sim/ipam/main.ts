import { parseArgs } from 'node:util';
import { addCounters, createCounters } from '../counters.ts';
import { drawAddressSettings } from './settings.ts';
import { runAddressTrial } from './trial.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hosts: { type: 'string' },
    minutes: { type: 'string' },
    without: { type: 'string', default: '' },
    first: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
});
const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const counters = createCounters();
let events = 0;
const failed: number[] = [];
const first = Number(values.seed);
const last = first + Number(values.seeds) - 1;
const started = process.cpuUsage();
for (let seed = first; seed <= last && !(values.first && failed.length > 0); seed++) {
  const without = values.without.split(',').filter(name => name !== '');
  const settings = drawAddressSettings(seed, {
    hosts: numberOf(values.hosts),
    minutes: numberOf(values.minutes),
    without,
  });
  const trial = runAddressTrial(settings);
  addCounters(counters, trial.counters);
  events += trial.events;
  if (trial.violation !== undefined) {
    failed.push(seed);
    say(
      `seed ${seed} FAILED${settings.strict ? '' : ' (lenient)'}, ${settings.hosts} hosts: ${trial.violation}`,
    );
  } else if (!values.quiet)
    say(`seed ${seed}: ${settings.hosts} hosts, ${trial.events} events, trace ${trial.trace.toString(16)}`);
}
const { user, system } = process.cpuUsage(started);
say(`seeds ${first} to ${last}: ${failed.length} failed (${failed.join(' ')})`);
say(`${events} events in ${((user + system) / 1e6).toFixed(1)} s of CPU`);
for (const [sight, count] of counters) if (count > 0) say(`  ${sight}: ${count}`);
process.exitCode = failed.length > 0 ? 1 : 0;
