import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlantedFault } from './planted.ts';

const ROOT = join(import.meta.dirname, '../../..');
const LIMIT_MS = 10 * 60_000;

/** The program that runs seeds of a campaign, and which of them. */
export interface Hunting {
  readonly campaign: 'test/sim/main.ts' | 'test/sim/ipam/main.ts';
  readonly first?: number;
  readonly seeds: number;
}

export interface Hunt {
  /** The seed that showed the fault, or undefined where none did in time. */
  readonly seed: number | undefined;
  readonly seconds: number;
  readonly violation: string;
}

/** Plants a fault in a copy of the core, and runs seeds on it until one fails. */
export function hunt({ name, edits }: PlantedFault, { campaign, first = 1, seeds }: Hunting): Hunt {
  const directory = mkdtempSync(join(tmpdir(), 'mesh-planted-'));
  try {
    for (const part of ['src/core', 'test/sim', 'package.json'])
      cpSync(join(ROOT, part), join(directory, part), { recursive: true });
    for (const { file, from, to } of edits) {
      const path = join(directory, file);
      const parts = readFileSync(path, 'utf8').split(from);
      if (parts.length !== 2) throw new Error(`"${name}": ${file} has ${parts.length - 1} of: ${from}`);
      writeFileSync(path, parts.join(to));
    }
    const started = performance.now();
    const range = ['--seed', `${first}`, '--seeds', `${seeds}`];
    const argv = [campaign, ...range, '--minutes', '2', '--first', '--quiet'];
    const { stdout } = spawnSync(process.execPath, argv, {
      cwd: directory,
      encoding: 'utf8',
      timeout: LIMIT_MS,
    });
    const found = /^seed (\d+) FAILED[^:]*: (.*)$/m.exec(stdout);
    return {
      seed: found === null ? undefined : Number(found[1]),
      seconds: (performance.now() - started) / 1000,
      violation: found?.[2] ?? '',
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
