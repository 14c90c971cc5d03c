/** usage: npm run fuzz -- [TARGET] [--seconds N] [--seed N] [--input FILE] */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz, keepSeed, trial } from './campaign.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' }, seed: { type: 'string' }, input: { type: 'string' } },
});
const seconds = Number(values.seconds ?? 10);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function repeat(target: Target, path: string): Promise<boolean> {
  const why = await trial(target, new Uint8Array(readFileSync(path)));
  say(why ?? 'read without harm');
  return why === undefined;
}

async function play(name: string, target: Target): Promise<boolean> {
  const { inputs, seconds: took, failure } = await fuzz(name, target, { seconds, seed });
  say(
    `${name}: ${inputs} inputs in ${took.toFixed(1)} s, ${Math.round(inputs / took)} runs/s, seed ${seed} (${target.what})`,
  );
  if (failure === undefined) return true;
  const path = relative(process.cwd(), keepSeed(name, failure.input));
  say(`${name}: FAILED: ${failure.why}`);
  say(`repeat it with: npm run fuzz -- ${name} --input ${path}`);
  return false;
}

const unknown = positionals.find(name => TARGETS[name] === undefined);
if (unknown !== undefined || !(seconds > 0) || !Number.isInteger(seed)) {
  process.stderr.write(
    `fuzz: takes targets out of ${Object.keys(TARGETS).join(', ')}, --seconds N, --seed N\n`,
  );
  process.exit(2);
}
let good = true;
for (const name of positionals.length === 0 ? Object.keys(TARGETS) : positionals) {
  const target = TARGETS[name]!;
  good = (await (values.input === undefined ? play(name, target) : repeat(target, values.input))) && good;
}
process.exit(good ? 0 : 1);
