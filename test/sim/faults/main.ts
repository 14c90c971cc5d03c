/** usage: node test/sim/faults/main.ts [addresses [WORD...]]: plants the faults of a campaign whose names have these words. */
import { ADDRESS_FAULTS } from '../ipam/planted.ts';
import { hunt } from './hunt.ts';
import { PLANTED_FAULTS } from './planted.ts';

/** Seeds tried on each planted fault before it counts as not found. */
const SEEDS = 500;

const [kind = 'facts', ...words] = process.argv.slice(2);
const isOfAddresses = kind === 'addresses';
const campaign = isOfAddresses ? 'test/sim/ipam/main.ts' : 'test/sim/main.ts';
const all = isOfAddresses ? ADDRESS_FAULTS : PLANTED_FAULTS;
const faults = all.filter(({ name }) => name.includes(words.join(' ')));
let found = 0;
for (const fault of faults) {
  const { seed, seconds, violation, unsound } = hunt(fault, { campaign, seeds: SEEDS });
  if (seed !== undefined) found += 1;
  const what = seed === undefined ? 'NOT FOUND' : `seed ${seed}: ${violation}`;
  const also = unsound.length === 0 ? '' : `; without it, too, seeds fail: ${unsound.join(', ')}`;
  process.stdout.write(`${fault.name}: ${seconds.toFixed(1)} s, ${what}${also}\n`);
}
process.stdout.write(`${found} of ${faults.length} found\n`);
process.exitCode = found === faults.length ? 0 : 1;
