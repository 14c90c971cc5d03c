import { randomBytes } from 'node:crypto';
import { OPTIONS, type Settings } from '../../src/api/control/options.ts';
import { parseSettings } from '../../src/api/control/settings.ts';
import { formatCidr, parseCidr, subnetOf } from '../../src/core/address.ts';
import { describe, ok, type Result } from '../../src/core/errors.ts';
import type { Context } from '../context.ts';
import { type Docker, dockerAt, whyNoEngine } from '../docker.ts';
import { settingsFlags } from '../flags.ts';
import { ensureImage } from '../image.ts';
import { prepare } from '../launch.ts';
import { launchContainer } from '../launch-container.ts';
import { readPassword } from '../password.ts';
import { checkRoutes } from '../routes.ts';
import { ensureState } from './data-container.ts';
import { type LaunchFlags, proxyPlaces } from './launch-flags.ts';
import { expandPeerName, expandSeeds } from './peer-name.ts';
import { awaitReady } from './ready.ts';
import { type Outcome, refused } from './refusal.ts';
import { ensureWaitProgram } from './wait.ts';

const RUNNING = 3;
const FOREIGN = 2;

/** `weave launch [PEER...]`: prints the id of the router's container when the router answers. */
export async function launch(
  context: Context,
  peers: readonly string[],
  flags: LaunchFlags,
): Promise<Outcome> {
  const misplaced = refusedFlags(flags);
  if (misplaced !== undefined) return misplaced;
  const parsed = readSettings(context, peers, flags);
  if (!parsed.ok) return parsed;
  const settings = parsed.value;
  const docker = dockerAt(settings, clientWords(context));
  const room = await makeRoom(context, docker);
  if (room !== undefined) return room;
  const routed = checkRange(settings);
  if (routed !== undefined) return routed;
  const password = await readPassword({
    flag: undefined,
    file: settings.passwordFile,
    environment: flags.password ?? context.env[`${context.profile.environmentPrefix}PASSWORD`],
  });
  if (!password.ok) return password;
  return start(context, settings, docker, password.value, flags);
}

function refusedFlags({ awsvpc, token }: LaunchFlags): Outcome | undefined {
  if (awsvpc)
    return refused(
      'AWS-VPC mode is not provided: leave out --awsvpc, and hosts are joined by VXLAN there, too',
    );
  return token === undefined
    ? undefined
    : refused(
        'Weave Cloud has ended, and its tokens with it: leave out --token, and name the address of a peer',
      );
}

/** What is not said is as Weave has it. */
function readSettings(context: Context, peers: readonly string[], flags: LaunchFlags): Result<Settings> {
  const isOff = (flag: boolean | string | undefined): boolean => flag === 'false' || flag === false;
  const given = settingsFlags({
    ...flags,
    ...(flags['name'] !== undefined && { name: expandPeerName(String(flags['name'])) }),
    ...(flags['ipallocInit'] !== undefined && { ipallocInit: expandSeeds(String(flags['ipallocInit'])) }),
    ...(flags['logLevel'] === 'warning' && { logLevel: 'warn' }),
    ...(flags['trustedSubnets'] !== undefined && {
      trustedSubnets: asSubnets(String(flags['trustedSubnets'])),
    }),
    docker: flags['dockerApi'] ?? flags['docker'],
    insecure: flags['tlsverify'] !== true,
    plugin: !isOff(flags['plugin']),
    proxy: !isOff(flags['proxy']),
  });
  const launchId = `--launch-id=${randomBytes(8).toString('hex')}`;
  const parsed = parseSettings([...context.flags, ...given, launchId, ...peers], context.env);
  if (!parsed.ok) return parsed;
  const settings = parsed.value;
  const isChosen = settings.ipamRange !== OPTIONS.ipamRange.initial;
  const listen =
    settings.proxyListen.length > 0
      ? settings.proxyListen
      : proxyPlaces(context.profile, context.env['DOCKER_HOST']);
  return ok({
    ...settings,
    // Of the usual range, half is kept for networks that are made with Docker.
    ...(isChosen && settings.ipamSubnet === undefined && { ipamSubnet: settings.ipamRange }),
    proxyListen: listen,
  });
}

/** An address of a host with its prefix stands for the subnet that it is in. */
const asSubnets = (text: string): string =>
  text
    .split(',')
    .map(word => {
      const cidr = parseCidr(word);
      return cidr === undefined ? word : formatCidr(subnetOf(cidr));
    })
    .join(',');

/** Words that the `docker` command is given by Weave's users, like `--tls`. */
function clientWords({ env }: Context): readonly string[] {
  return (env['DOCKER_CLIENT_ARGS'] ?? '').split(/\s+/).filter(word => word !== '');
}

/** What is in the way: a container of that name. */
async function makeRoom(context: Context, docker: Docker): Promise<Outcome | undefined> {
  const { command, container } = context.profile;
  const absent = await whyNoEngine(docker);
  if (absent !== undefined) return refused(absent);
  const format = '{{.State.Status}}';
  const found = await docker.run('container', 'inspect', '--format', format, container);
  if (found.status !== 0) return undefined;
  const labels = await docker.run('container', 'inspect', '--format', '{{json .Config.Labels}}', container);
  const state = found.stdout.trim();
  if (!labels.stdout.includes('mesh.build'))
    return refused(`Found another running container named '${container}'. Aborting.`, FOREIGN);
  if (state === 'running')
    return refused(`${command} is already running; you can stop it with '${command} stop'.`, RUNNING);
  return ['created', 'paused', 'restarting'].includes(state)
    ? refused(`${command} is created, paused, or restarting; you can stop it with '${command} stop'.`)
    : undefined;
}

/** A range that was asked for is taken all the same. */
function checkRange({ ipamRange }: Settings): Outcome | undefined {
  if (ipamRange === undefined) return undefined;
  const isDefault = ipamRange === OPTIONS.ipamRange.initial;
  const range = formatCidr(ipamRange);
  const routed = checkRoutes(ipamRange, isDefault);
  if (routed.ok || routed.problem.code !== 'range-routed') return undefined;
  const overlap = `Network ${range} overlaps with existing route ${routed.problem.route.split(' ')[0]} on host`;
  if (isDefault)
    return refused(
      `${overlap}\nERROR: Default --ipalloc-range ${range} overlaps with existing route on host.\nYou must pick another range and set it on all hosts.`,
    );
  process.stderr.write(`WARNING: Specified --ipalloc-range ${range} overlaps with existing route on host.\n`);
  return undefined;
}

async function start(
  context: Context,
  settings: Settings,
  docker: Docker,
  password: string | undefined,
  flags: LaunchFlags,
): Promise<Outcome> {
  const { dataContainer } = settings.profile;
  const image = await ensureImage(context, docker, undefined);
  if (!image.ok) return image;
  const state =
    dataContainer === undefined
      ? ok(settings.stateDir)
      : await ensureState(docker, dataContainer, image.value);
  if (!state.ok) return state;
  const ready = await prepare(context, { ...settings, stateDir: state.value }, password);
  if (!ready.ok) return ready;
  const words = (context.env[`${context.profile.environmentPrefix}DOCKER_ARGS`] ?? '')
    .split(/\s+/)
    .filter(word => word !== '');
  const mounts = await prepareWaiting(context, ready.value, docker);
  if (!mounts.ok) return mounts;
  const health = await launchContainer(ready.value, docker, image.value, {
    restart: flags.restart === false ? 'no' : 'always',
    flags: [...mounts.value, ...words],
  });
  if (!health.ok) {
    context.say(describe(health.problem));
    return refused('The weave container has died. Consult the container logs for further details.');
  }
  await awaitReady(context);
  const { stdout } = await docker.run('container', 'inspect', '--format', '{{.Id}}', docker.container);
  context.print(stdout.trim(), stdout.trim());
  return ok(undefined);
}

/** What containers wait with, and what the router has to see of them: gives the mounts of its own container. */
async function prepareWaiting(
  context: Context,
  { profile, proxy, proxyHosts }: Settings,
  docker: Docker,
): Promise<Result<readonly string[]>> {
  if (profile.waitFolder === undefined || !proxy) return ok([]);
  const there = await ensureWaitProgram(context, profile.waitFolder);
  if (!there.ok || !proxyHosts) return there.ok ? ok([]) : there;
  const { stdout } = await docker.run('info', '--format', '{{.DockerRootDir}}');
  const folder = `${stdout.trim()}/containers`;
  return ok([`--volume=${folder}:${folder}`]);
}
