import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DOCKER_TEST_PROGRAMS,
  installPrograms,
  LAB_TEST_PROGRAMS,
  obstacle,
  type Program,
} from './support/lab/programs.ts';
import { type Count, countResults } from './support/results.ts';

/** A step of the run: a command, or a project of vitest, whose tests are counted one by one. */
interface Step {
  readonly title: string;
  readonly argv: readonly string[];
  /** What the machine must have, as root, for the step to mean anything. */
  readonly needs?: readonly Program[];
  /** In a machine of its own, under a kernel that has more than this one's may have. */
  readonly inVm?: boolean;
}

const vitest = (project: string) => ['vitest', 'run', '--project', project];

const STEPS: readonly Step[] = [
  { title: 'set up and build', argv: ['./mesh', 'version'] },
  { title: 'check types', argv: ['tsc', '--noEmit'] },
  { title: 'check style', argv: ['biome', 'check', '.'] },
  { title: 'look for what is unused', argv: ['knip'] },
  { title: 'unit, contract and architecture tests', argv: vitest('unit') },
  { title: 'simulation', argv: vitest('sim') },
  { title: 'contracts on the kernel', argv: vitest('kernel'), needs: LAB_TEST_PROGRAMS },
  { title: 'lab: hosts as namespaces', argv: vitest('lab'), needs: LAB_TEST_PROGRAMS },
  {
    title: "lab: hosts under Debian's kernel",
    argv: [...vitest('vm'), 'test/vm/encrypted.test.ts'],
    needs: LAB_TEST_PROGRAMS,
    inVm: true,
  },
  { title: 'lab: hosts with a Docker engine each', argv: vitest('docker'), needs: DOCKER_TEST_PROGRAMS },
];

/** The longest that a step may take: what hangs must not take the results of the others along. */
const STEP_LIMIT_MS = 15 * 60_000;

/** Boots that machine; what is written there to the folder comes to `$VM_OUT`. */
const VM = ['test/vm/run', '--'];
const VM_OUT = '/mesh-vm-out/files';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs a step and counts its tests. A step without tests counts only where it fails, as one failure. */
function runStep({ argv, inVm = false, needs = [] }: Step, directory: string, name: string): Count {
  const why = needs.length === 0 ? undefined : obstacle(needs);
  if (why !== undefined) {
    say(`can't run: ${why}`);
    return { passed: 0, failed: 1 };
  }
  const counted = argv[0] === 'vitest';
  const file = join(inVm ? VM_OUT : directory, name);
  const report = counted ? ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`] : [];
  const [program = '', ...args] = [...(inVm ? VM : []), ...argv, ...report];
  const { status, error } = spawnSync(program, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: STEP_LIMIT_MS,
    env: { ...process.env, VM_OUT: directory },
  });
  if (error !== undefined) say(`${program}: ${error.message}`);
  const count = counted ? countResults(join(directory, name)) : { passed: 0, failed: 0 };
  return status === 0 || count.failed > 0 ? count : { ...count, failed: 1 };
}

function main(): void {
  const directory = mkdtempSync(join(tmpdir(), 'mesh-test-'));
  const total: Count[] = [];
  say(`[0/${STEPS.length}] system packages`);
  installPrograms(DOCKER_TEST_PROGRAMS, line => say(`      ${line}`));
  for (const [index, step] of STEPS.entries()) {
    say(`[${index + 1}/${STEPS.length}] ${step.title}: ${step.argv.join(' ')}`);
    const started = performance.now();
    const count = runStep(step, directory, `${index}.json`);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(`      ${count.failed === 0 ? 'done' : 'FAILED'} in ${seconds} s`);
    total.push(count);
  }
  rmSync(directory, { recursive: true });
  const sum = (pick: (count: Count) => number) => total.reduce((all, count) => all + pick(count), 0);
  const failed = sum(count => count.failed);
  say(`${sum(count => count.passed)} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
