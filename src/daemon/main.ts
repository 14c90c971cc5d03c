import { fstatSync } from 'node:fs';
import { parseSettings } from '../api/control/settings.ts';
import { describe, exitStatus, type Problem } from '../core/errors.ts';
import { clean } from './clean.ts';
import { examine } from './doctor/doctor.ts';
import { createLog } from './log.ts';
import { openLogFile } from './log-file.ts';
import { startRouter } from './router.ts';

/** `--clean` in front takes everything away that routers left on this host, and ends. */
const CLEAN = '--clean';
/** `--doctor` in front prints what stands in the way here, as JSON (`Finding[]`), and ends. */
const DOCTOR = '--doctor';

function refuseToStart(problem: Problem): never {
  process.stderr.write(`mesh: ${describe(problem)}\n`);
  process.exit(exitStatus(problem));
}

/** Ends the process when all of it has been taken. */
function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`, () => process.exit(0));
}

/** Who cleans up for a command must not go on beside the next one, when that command is killed. */
function endWithCommand(): void {
  const input = fstatSync(0);
  if (!input.isFIFO() && !input.isSocket()) return;
  process.stdin.on('end', () => process.exit(1)).resume();
}

async function main(argv: readonly string[]): Promise<void> {
  const cleaning = argv[0] === CLEAN;
  const examining = argv[0] === DOCTOR;
  const settings = parseSettings(cleaning || examining ? argv.slice(1) : argv, process.env);
  if (!settings.ok) refuseToStart(settings.problem);
  if (examining) return print(await examine(settings.value));
  const { logFile, logLevel } = settings.value;
  const file = logFile === undefined || cleaning ? undefined : openLogFile(logFile);
  const log = createLog({ level: logLevel, write: line => (file ?? process.stdout).write(line) });
  if (cleaning) {
    endWithCommand();
    const problem = await clean(settings.value, log);
    if (problem !== undefined) refuseToStart(problem);
    process.exit(0);
  }
  // A library's promise that nobody waits for must not end what carries traffic; its own state is its own.
  process.on('unhandledRejection', reason =>
    log.error('a rejection was left alone', { reason: String(reason) }),
  );
  log.debug('router starts');
  const router = await startRouter({ settings: settings.value, log });
  if (!router.ok) refuseToStart(router.problem);
  const asked = new Promise<undefined>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(undefined));
  });
  const problem = await Promise.race([asked, router.value.ending]);
  if (problem !== undefined) log.error(describe(problem));
  await router.value.stop();
  process.exit(problem === undefined ? 0 : exitStatus(problem));
}

await main(process.argv.slice(2));
