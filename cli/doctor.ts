import { existsSync } from 'node:fs';
import { type Finding, sortFindings } from '../src/api/control/finding.ts';
import type { Settings } from '../src/api/control/options.ts';
import { formatSettings, parseSettings } from '../src/api/control/settings.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { type Output, runCommand } from './command.ts';
import { confinement, sharedMountAdvice } from './container.ts';
import type { Context } from './context.ts';
import { type Docker, dockerAt, dockerReason } from './docker.ts';
import { DAEMON } from './files.ts';
import { settingsFlags } from './flags.ts';
import { defaultImage, imageBuild } from './image.ts';
import { lastWords } from './last-words.ts';
import type { LaunchFlags } from './launch.ts';
import { routerEnvironment } from './launch-native.ts';
import { renderFindings } from './render/findings.ts';

/** `mesh doctor`: what stands in the way on this host, whether or not a router runs. Refuses where something does. */
export async function doctor(context: Context, flags: LaunchFlags): Promise<Result<void>> {
  const settings = readSettings(context, flags);
  if (!settings.ok) return settings;
  const findings = await examine(settings.value, context);
  if (!findings.ok) return findings;
  context.print(findings.value, renderFindings(findings.value));
  const count = findings.value.filter(({ level }) => level === 'problem').length;
  return count === 0 ? ok(undefined) : refuse({ code: 'obstacles', count });
}

const ENVIRONMENT = ['port', 'dataPort', 'host', 'dataAddress', 'runDir', 'stateDir', 'docker'] as const;

/** Those that a router would be launched with: what an environment says counts here, too. */
function readSettings({ flags, env }: Context, own: LaunchFlags): Result<Settings> {
  const { runDir: _, stateDir: __, ...given } = own;
  return parseSettings([...flags, ...settingsFlags(given)], env, ENVIRONMENT);
}

/** Has the router's own code look, where it would run: natively, else in a container. */
async function examine(settings: Settings, context: Context): Promise<Result<readonly Finding[]>> {
  const argv = ['--doctor', ...formatSettings(settings)];
  const docker = dockerAt(settings);
  if (
    !(await hasRules()) &&
    settings.docker !== '' &&
    (await imageBuild(docker, defaultImage())) !== undefined
  ) {
    return examineInContainer(settings, docker, argv);
  }
  return understand(
    await runCommand(process.execPath, [DAEMON, ...argv], { env: routerEnvironment(context.env) }),
  );
}

/** A host without nft may run the router all the same, in an image that brings it. */
async function hasRules(): Promise<boolean> {
  return (await runCommand('sh', ['-c', 'PATH="$PATH:/usr/sbin:/sbin"; command -v nft'])).status === 0;
}

async function examineInContainer(
  settings: Settings,
  docker: Docker,
  argv: readonly string[],
): Promise<Result<readonly Finding[]>> {
  // An engine makes the folders that it is told to mount, and nothing is to be left behind.
  const mounted = confinement(settings).filter(flag => {
    const source = /^--volume=([^:]+):/.exec(flag)?.[1];
    return source === undefined || existsSync(source);
  });
  const output = await docker.run('run', '--rm', ...mounted, defaultImage(), ...argv);
  const advice = output.status === 0 ? undefined : sharedMountAdvice(dockerReason(output));
  return advice === undefined
    ? understand(output)
    : ok([
        {
          level: 'problem',
          check: 'engine',
          what: "the router can't be run as a container here",
          cure: advice,
        },
      ]);
}

function understand({ status, stdout, stderr }: Output): Result<readonly Finding[]> {
  return status === 0
    ? ok(sortFindings(JSON.parse(stdout) as readonly Finding[]))
    : refuse({ code: 'router-refused', why: lastWords(stdout + stderr) });
}
