import { OPTIONS } from '../src/api/control/options.ts';
import type { Profile } from '../src/api/profile.ts';
import { describe, exitStatus, type Result } from '../src/core/errors.ts';

type Run = (argv: readonly string[]) => Promise<void>;

/** What is typed, by profile; only the one that is called is loaded. */
const PROGRAMS: { readonly [Name in Profile['name']]: () => Promise<Run> } = {
  mesh: async () => (await import('./program.ts')).runProgram,
  weave: async () => (await import('./weave/program.ts')).runProgram,
};

const { flag, env } = OPTIONS.profile;
const [VARIABLE = ''] = env;

/** `--profile NAME` wherever it stands, taken out of `argv`; else the variable, which is set for all that comes. */
function chooseProfile(argv: string[]): Result<Profile> {
  const at = argv.findIndex(word => word === `--${flag}` || word.startsWith(`--${flag}=`));
  const [, inline] = argv[at]?.split(/=(.*)/s) ?? [];
  const [, next] = at < 0 ? [] : argv.splice(at, inline === undefined ? 2 : 1);
  const name = at < 0 ? process.env[VARIABLE] : (inline ?? next ?? '');
  if (name !== undefined) process.env[VARIABLE] = name;
  return name === undefined || (name === '' && at < 0)
    ? { ok: true, value: OPTIONS.profile.initial }
    : OPTIONS.profile.parse(name, at < 0 ? VARIABLE : `--${flag}`);
}

async function main(argv: string[]): Promise<void> {
  const profile = chooseProfile(argv);
  if (profile.ok) {
    const run = await PROGRAMS[profile.value.name]();
    return run(argv);
  }
  process.stderr.write(`mesh: ${describe(profile.problem)}\n`);
  process.exitCode = exitStatus(profile.problem);
}

void main(process.argv.slice(2));
