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
  /** Seeds before it that fail without the fault, too: they tell nothing of it, but of the core. */
  readonly unsound: readonly number[];
}

/** The files that a fault changes, as they are with it. Throws where one of the places is not there, or not alone. */
export function planted({ name, edits }: PlantedFault): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  for (const { file, from, to } of edits) {
    const parts = (changed.get(file) ?? readFileSync(join(ROOT, file), 'utf8')).split(from);
    if (parts.length !== 2) throw new Error(`"${name}": ${file} has ${parts.length - 1} of: ${from}`);
    changed.set(file, parts.join(to));
  }
  return changed;
}

/** Plants a fault in a copy of the core, and runs seeds on it until one fails. */
export function hunt(fault: PlantedFault, { campaign, first = 1, seeds }: Hunting): Hunt {
  const directory = mkdtempSync(join(tmpdir(), 'mesh-planted-'));
  try {
    for (const part of ['src/core', 'test/sim', 'package.json'])
      cpSync(join(ROOT, part), join(directory, part), { recursive: true });
    for (const [file, text] of planted(fault)) writeFileSync(join(directory, file), text);
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    const unsound: number[] = [];
    for (let from = first; from < first + seeds && seconds() * 1000 < LIMIT_MS; ) {
      const found = run(directory, campaign, from, first + seeds - from, fault.hosts);
      if (found === undefined) break;
      if (run(ROOT, campaign, found.seed, 1, fault.hosts) === undefined)
        return { ...found, seconds: seconds(), unsound };
      unsound.push(found.seed);
      from = found.seed + 1;
    }
    return { seed: undefined, seconds: seconds(), violation: '', unsound };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The first of so many seeds that fails with the core of `directory`. */
function run(
  directory: string,
  campaign: Hunting['campaign'],
  first: number,
  seeds: number,
  hosts: number | undefined,
) {
  const range = ['--seed', `${first}`, '--seeds', `${seeds}`];
  const size = hosts === undefined ? [] : ['--hosts', `${hosts}`];
  const { stdout } = spawnSync(
    process.execPath,
    [campaign, ...range, ...size, '--minutes', '2', '--first', '--quiet'],
    { cwd: directory, encoding: 'utf8', timeout: LIMIT_MS },
  );
  const [, seed, violation = ''] = /^seed (\d+) FAILED[^:]*: (.*)$/m.exec(stdout) ?? [];
  return seed === undefined ? undefined : { seed: Number(seed), violation };
}
