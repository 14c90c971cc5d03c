import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { ask } from '../src/api/control/client.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { type Context, placeSettings } from './context.ts';
import { dockerAt, findContainer } from './docker.ts';
import { logFile, withFile } from './files.ts';

/** `mesh logs [-f]`: of the router that runs, else of the one that ran last. */
export async function logs(context: Context, follow: boolean): Promise<Result<void>> {
  const settings = placeSettings(context);
  if (!settings.ok) return settings;
  const { docker: address, stateDir } = settings.value;
  const docker = dockerAt(settings.value);
  const health = await ask(context.socket, 'health');
  const native = health.ok && health.value.how === 'native';
  const container = native ? ok(undefined) : await findContainer(docker);
  if (container.ok && container.value !== undefined) {
    const env = { ...process.env, DOCKER_HOST: address };
    return show('docker', ['logs', ...(follow ? ['--follow'] : []), docker.container], env);
  }
  const file = logFile(stateDir);
  if (!existsSync(file)) return refuse({ code: 'router-not-running', socket: context.socket });
  const readable = withFile(file, () => accessSync(file, constants.R_OK));
  if (!readable.ok) return readable;
  // By name, since the router starts a new file when one has grown.
  return show(...(follow ? tail(['-n', '+1', '-F', file]) : tail(['-n', '+1', file])), process.env);
}

const tail = (argv: string[]): [string, string[]] => ['tail', argv];

/** Hands this process's output to a program, and lets ^C end both. */
function show(program: string, argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Result<void>> {
  return new Promise(resolve => {
    const child = spawn(program, argv, { env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', error =>
      resolve(refuse({ code: 'router-refused', why: `${program}: ${error.message}` })),
    );
    child.on('exit', status =>
      resolve(
        status === 0 || status === null
          ? ok(undefined)
          : refuse({ code: 'router-refused', why: `${program} ended with status ${status}` }),
      ),
    );
  });
}
