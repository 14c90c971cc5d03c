import type { Settings } from '../src/api/control/options.ts';
import { controlSocket, parseSettings } from '../src/api/control/settings.ts';
import type { Profile } from '../src/api/profile.ts';
import { ok, type Result } from '../src/core/errors.ts';

/** What a verb is given beside its arguments. A verb returns what went wrong; `main.ts` says it. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The common flags as given, for `parseSettings`. */
  readonly flags: readonly string[];
  readonly profile: Profile;
  readonly runDir: string;
  /** The router's control socket. */
  readonly socket: string;
  readonly json: boolean;
  /** Prints a result on standard output: `text` for people, `value` where JSON was asked for. */
  print(value: unknown, text: string): void;
  /** Says a line on standard error, with the command's name: steps, and what went wrong on the way. */
  say(line: string): void;
}

/** Flags that every verb takes, as the command line parser gives them. */
export interface CommonFlags {
  readonly json?: boolean;
  readonly runDir?: string;
  readonly stateDir?: string;
}

export function createContext(common: CommonFlags, env: Context['env']): Result<Context> {
  const runFlags = common.runDir === undefined ? [] : [`--run-dir=${common.runDir}`];
  const stateFlags = common.stateDir === undefined ? [] : [`--state-dir=${common.stateDir}`];
  // Only what finds the router: another variable that is wrong must not keep "status" from answering.
  const settings = parseSettings(runFlags, env, ['runDir']);
  if (!settings.ok) return settings;
  const { profile, runDir } = settings.value;
  const json = common.json ?? false;
  return ok({
    env,
    flags: [...runFlags, ...stateFlags],
    profile,
    runDir,
    socket: controlSocket(runDir),
    json,
    print(value, text) {
      if (json) process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
      else if (text !== '') process.stdout.write(`${text}\n`);
    },
    say: line => void process.stderr.write(`${profile.command}: ${line}\n`),
  });
}

/** The settings that tell where a router's things are, whether or not one runs. */
export function placeSettings(context: Context): Result<Settings> {
  return parseSettings(context.flags, context.env, ['runDir', 'stateDir', 'docker']);
}
