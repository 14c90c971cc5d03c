import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { ask } from '../src/api/control/client.ts';
import type { Health } from '../src/api/control/contract.ts';
import { OPTIONS, type Settings } from '../src/api/control/options.ts';
import { parseSettings } from '../src/api/control/settings.ts';
import { formatCidr } from '../src/core/address.ts';
import { describe, ok, type Result, refuse } from '../src/core/errors.ts';
import type { CommonFlags, Context } from './context.ts';
import { dockerAt, whyNoEngine } from './docker.ts';
import { makeDirectory } from './files.ts';
import { followPeers, type PeerResult } from './first-results.ts';
import { settingsFlags } from './flags.ts';
import { ensureImage } from './image.ts';
import { isInstalled } from './install.ts';
import { launchContainer } from './launch-container.ts';
import { launchNative } from './launch-native.ts';
import { ensureProgram } from './packages.ts';
import { readPassword, storePassword } from './password.ts';
import { renderLabel } from './render/label.ts';
import { checkRoutes } from './routes.ts';

/** As the command line parser gives them: by the flag's name in camel case; a switch `--no-x` as `x: false`. */
export interface LaunchFlags extends CommonFlags {
  readonly native?: boolean;
  readonly wait?: boolean | string;
  readonly password?: boolean | string;
  readonly image?: string;
  readonly force?: boolean;
  readonly [flag: string]: boolean | string | undefined;
}

/** Long enough for a refusal, short enough not to be in the way where a host drops packets. */
const FIRST_RESULT_MS = 3_000;
const WAIT_SECONDS = 30;
const BOOT_ADVICE =
  'after a reboot Docker waits 15 s for each container that was on a mesh network, since it starts this router last; "mesh install" has one start before it';

/** `mesh launch [PEER...]`: returns when the router answers, having said how the first attempt at each peer ended. */
export async function launch(
  context: Context,
  peers: readonly string[],
  flags: LaunchFlags,
): Promise<Result<void>> {
  const launchId = `--launch-id=${randomBytes(8).toString('hex')}`;
  const parsed = parseSettings([...context.flags, ...settingsFlags(flags), launchId, ...peers], context.env);
  if (!parsed.ok) return parsed;
  const waitMs = parseWait(flags.wait);
  if (!waitMs.ok) return waitMs;
  const password = await readPassword({
    flag: flags.password,
    file: parsed.value.passwordFile,
    environment: context.env['MESH_PASSWORD'],
  });
  if (!password.ok) return password;
  const misplaced = misplacedTrust(parsed.value, password.value);
  if (misplaced !== undefined) return misplaced;
  const { ipamRange, runDir, stateDir } = parsed.value;
  const isDefault = ipamRange === OPTIONS.ipamRange.initial;
  const routed = ipamRange === undefined || flags.force ? ok(undefined) : checkRoutes(ipamRange, isDefault);
  if (!routed.ok) return routed;
  const absent = [stateDir, runDir].filter(path => !existsSync(path));
  const ready = await prepare(context, parsed.value, password.value);
  if (!ready.ok) return ready;
  const health = await start(context, ready.value, flags);
  if (!health.ok) {
    // A launch that was refused leaves nothing that it made.
    for (const path of absent) rmSync(path, { recursive: true, force: true });
    return health;
  }
  return tell(context, ready.value, health.value, waitMs.value);
}

function misplacedTrust(
  { trustedSubnets }: Settings,
  password: string | undefined,
): Result<never> | undefined {
  if (trustedSubnets.length === 0 || password !== undefined) return undefined;
  const value = trustedSubnets.map(formatCidr).join();
  const allowed = 'nothing without --password: frames are not encrypted then, whoever they go to';
  return refuse({ code: 'bad-setting', name: '--trusted-subnets', value, allowed });
}

/** How long to wait for a peer, in ms; undefined where that was not asked for. */
function parseWait(flag: LaunchFlags['wait']): Result<number | undefined> {
  if (flag === undefined || flag === false) return ok(undefined);
  const seconds = flag === true ? WAIT_SECONDS : Number(flag);
  return flag === true || /^\d{1,4}$/.test(flag)
    ? ok(seconds * 1000)
    : refuse({ code: 'bad-setting', name: '--wait', value: flag, allowed: 'a number of seconds' });
}

/** Everything that can be refused before something is started. */
export async function prepare(
  context: Context,
  settings: Settings,
  password: string | undefined,
): Promise<Result<Settings>> {
  if (process.geteuid?.() !== 0) return refuse({ code: 'no-permission', what: 'start a router' });
  const running = await ask(context.socket, 'health');
  if (running.ok) {
    return refuse({ code: 'router-running', how: `${running.value.how}, process ${running.value.pid}` });
  }
  if (running.problem.code !== 'router-not-running') return running;
  const made = makeDirectory(settings.stateDir, 0o700);
  if (!made.ok || password === undefined) return made.ok ? ok(settings) : made;
  const stored = storePassword(settings.stateDir, password);
  return stored.ok ? ok({ ...settings, passwordFile: stored.value }) : stored;
}

async function start(context: Context, settings: Settings, flags: LaunchFlags): Promise<Result<Health>> {
  if (flags.native) return startNative(context, settings);
  const docker = dockerAt(settings);
  const reason = await whyNoEngine(docker);
  if (reason !== undefined) {
    context.say(`starting the router as a process of this host: ${reason}`);
    return startNative(context, settings);
  }
  const image = await ensureImage(context, docker, flags.image);
  return image.ok ? launchContainer(settings, docker, image.value) : image;
}

/** The image brings what the router runs; a host may lack it. */
async function startNative(context: Context, settings: Settings): Promise<Result<Health>> {
  const nft = await ensureProgram(context, 'nft', 'nftables');
  return nft.ok ? launchNative(settings, context.env) : nft;
}

/** Says what runs, whom it tries, and how that went. */
async function tell(
  context: Context,
  settings: Settings,
  { how, pid }: Health,
  waitMs: number | undefined,
): Promise<Result<void>> {
  const report = await ask(context.socket, 'report');
  if (!report.ok) return report;
  const { self } = report.value;
  const where = how === 'container' ? `container ${settings.profile.container}` : `process ${pid}`;
  if (!context.json) {
    context.print(undefined, `router ${renderLabel(self)} runs (${where}), port ${settings.port}`);
    if (settings.peers.length > 0) context.print(undefined, `trying ${settings.peers.join(', ')}`);
  }
  if (how === 'container' && settings.plugin && !isInstalled()) context.say(BOOT_ADVICE);
  const connected = (results: readonly PeerResult[]) => results.some(({ peer }) => peer !== undefined);
  const settled = (results: readonly PeerResult[]) =>
    // A peer that has just answered has not told its nickname yet.
    results.every(({ peer, problem }) => (peer?.nickname ?? '') !== '' || problem !== undefined);
  const waiting = waitMs !== undefined && settings.peers.length > 0;
  const results = waiting
    ? await followPeers(context.socket, settings.peers, waitMs, connected)
    : await followPeers(context.socket, settings.peers, FIRST_RESULT_MS, settled);
  tellResults(context, results);
  if (context.json) context.print({ self, how, port: settings.port, peers: results }, '');
  return waiting && !connected(results)
    ? refuse({
        code: 'peer-failed',
        peer: settings.peers.join(', '),
        why: `no connection within ${waitMs / 1000} s; the router goes on trying`,
      })
    : ok(undefined);
}

function tellResults(context: Context, results: readonly PeerResult[]): void {
  for (const { address, peer, problem } of results) {
    if (peer !== undefined && !context.json)
      context.print(undefined, `connected to ${address}, ${renderLabel(peer)}`);
    if (problem?.code === 'peer-is-self') context.say(`${describe(problem)}`);
    else if (problem !== undefined) context.say(`${describe(problem)}; trying on`);
    else if (peer === undefined) context.say(`no answer from ${address} yet; trying on`);
  }
}
