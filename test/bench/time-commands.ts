/**
 * Runs commands in turn, round after round, and prints how many milliseconds each took, as JSON: a list for each
 * command. `{}` in a word stands for the number of the round. The first round does not count. A command that fails
 * ends it. usage: time-commands.ts ROUNDS JSON    JSON: a list of commands, each a list of words
 */
import { spawnSync } from 'node:child_process';

const [, , rounds, text = '[]'] = process.argv;
const commands = JSON.parse(text) as string[][];
const samples: number[][] = commands.map(() => []);
for (let round = 0; round <= Number(rounds); round += 1) {
  for (const [index, words] of commands.entries()) {
    const [program = '', ...args] = words.map(word => word.replaceAll('{}', String(round)));
    const started = performance.now();
    const { status, error, stderr } = spawnSync(program, args);
    const took = performance.now() - started;
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${status} ${error ?? stderr}`);
    if (round > 0) samples[index]?.push(took);
  }
}
console.log(JSON.stringify(samples));
