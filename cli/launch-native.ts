import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import type { Health } from '../src/api/control/contract.ts';
import type { Settings } from '../src/api/control/options.ts';
import { controlSocket, formatSettings } from '../src/api/control/settings.ts';
import { type Result, refuse } from '../src/core/errors.ts';
import { awaitRouter } from './await-router.ts';
import { DAEMON, logFile, readTail, withFile } from './files.ts';
import { lastWords } from './last-words.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from './router-process.ts';

const TAIL = 16 * 1024;

/** Only what the router needs: its settings are in its arguments, and a password must not stay in an environment. */
export function routerEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = ['PATH', 'TZ', 'LANG', 'HOME'].flatMap(name => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(kept);
}

/** Opens the log with a first line in it: on a full disk, the router could not even say so. */
function openLog(path: string): Result<number> {
  const fresh = !existsSync(path);
  const opened = withFile(path, () => openSync(path, 'a', 0o600));
  if (!opened.ok) return opened;
  const file = opened.value;
  const written = withFile(path, () =>
    writeSync(file, `${new Date().toISOString()} info  launch: starting\n`),
  );
  if (written.ok) return opened;
  closeSync(file);
  if (fresh) rmSync(path);
  return written;
}

/** Starts the router as a process of this host, in a session of its own, and waits until it answers. */
export async function launchNative(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<Health>> {
  if (!existsSync(DAEMON)) {
    return refuse({ code: 'launch-failed', why: `there is no ${DAEMON}; run "npm run build"` });
  }
  const path = logFile(settings.stateDir);
  const opened = openLog(path);
  if (!opened.ok) return opened;
  const start = statSync(path).size;
  const child = spawn(
    process.execPath,
    [...NODE_FLAGS, DAEMON, ...formatSettings({ ...settings, logFile: path })],
    {
      cwd: '/',
      detached: true,
      env: { ...routerEnvironment(env), ...NODE_ENVIRONMENT },
      stdio: ['ignore', opened.value, opened.value],
    },
  );
  closeSync(opened.value);
  let failure: string | undefined;
  child.on('error', error => {
    failure = error.message;
  });
  child.on('exit', () => {
    failure = lastWords(readTail(path, start, TAIL));
  });
  const health = await awaitRouter(controlSocket(settings.runDir), async () => failure);
  // A router that never answers is not left behind.
  if (!health.ok && failure === undefined) child.kill('SIGKILL');
  child.removeAllListeners();
  child.unref();
  return health;
}
