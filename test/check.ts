import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** What is checked before each commit, all at once; what `npm run check` runs. What a check says is shown where it fails. */
const CHECKS: readonly (readonly string[])[] = [
  ['tsc', '--noEmit'],
  ['biome', 'check', '.'],
  ['knip'],
  ['vitest', 'run', '--project', 'unit', '--reporter=dot'],
];

async function check([program = '', ...args]: readonly string[]): Promise<boolean> {
  const began = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  const line = `${status === 0 ? 'ok    ' : 'FAILED'} ${seconds.padStart(5)} s  ${[program, ...args].join(' ')}\n`;
  process.stdout.write(status === 0 ? line : `${stdout}${stderr}${line}`);
  return status === 0;
}

const passed = await Promise.all(CHECKS.map(check));
process.exitCode = passed.every(Boolean) ? 0 : 1;
