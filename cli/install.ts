import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Settings } from '../src/api/control/options.ts';
import { parseSettings } from '../src/api/control/settings.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { type Output, runCommand } from './command.ts';
import { completionScript } from './completion.ts';
import type { Context } from './context.ts';
import { dockerAt, findContainer } from './docker.ts';
import { DAEMON, LAUNCHER, withFile } from './files.ts';
import { settingsFlags } from './flags.ts';
import { ensureProgram } from './packages.ts';
import { UNIT, unitFile } from './unit.ts';

export interface InstallFlags {
  /** Of the file system that is written to: another than the host's is only written to. */
  readonly root?: string;
  readonly [flag: string]: boolean | string | undefined;
}

const LINK = '/usr/local/bin/mesh';
const COMPLETION = '/etc/bash_completion.d/mesh';
const UNIT_FILE = `/etc/systemd/system/${UNIT}`;
/** What `systemctl enable` makes. */
const WANTED = `/etc/systemd/system/multi-user.target.wants/${UNIT}`;
/** Where systemd lies, by distribution; and what only it makes where it runs (sd_booted(3)). */
const SYSTEMD = ['usr/lib/systemd/systemd', 'lib/systemd/systemd'];
const BOOTED = 'run/systemd/system';

/** `mesh install [PEER...]`: the command on the PATH, and a native router that is up before Docker is. */
export async function install(
  context: Context,
  words: readonly string[],
  verbs: readonly string[],
  flags: InstallFlags,
): Promise<Result<void>> {
  const root = flags.root ?? '/';
  const parsed = parseSettings([...context.flags, ...settingsFlags(flags), ...words], context.env);
  if (!parsed.ok) return parsed;
  const problem = objection(root, context.env, parsed.value);
  if (!problem.ok) return problem;
  if (root === '/') {
    const nft = await ensureProgram(context, 'nft', 'nftables');
    if (!nft.ok) return nft;
  }
  const written = write(root, parsed.value, verbs);
  if (!written.ok) return written;
  const enabled = root === '/' ? await enable(parsed.value) : ok(undefined);
  if (!enabled.ok) {
    remove(root);
    return enabled;
  }
  const said = [
    `${LINK} -> ${LAUNCHER}`,
    `${UNIT}: a native router that starts before Docker, from the next boot on`,
    `"mesh stop; systemctl start mesh" has it now`,
  ];
  context.print({ link: LINK, unit: UNIT_FILE, completion: COMPLETION }, said.join('\n'));
  return ok(undefined);
}

/** `mesh uninstall`: takes away what `install` has put there, and nothing else; succeeds also where there is nothing. */
export async function uninstall(context: Context, flags: InstallFlags): Promise<Result<void>> {
  const root = flags.root ?? '/';
  if (process.geteuid?.() !== 0) return refuse({ code: 'no-permission', what: `uninstall from ${root}` });
  if (root === '/' && isInstalled()) await systemctl('disable', '--now', UNIT);
  const removed = withFile(root, () => remove(root));
  if (!removed.ok) return removed;
  if (root === '/' && existsSync(join(root, BOOTED))) await systemctl('daemon-reload');
  const none = removed.value.length === 0;
  context.print({ removed: removed.value }, none ? 'nothing was installed' : removed.value.join('\n'));
  return ok(undefined);
}

/** A router that is a container would come back beside that of the unit, and find its ports taken. */
async function enable(settings: Settings): Promise<Result<void>> {
  const enabled = await systemctl('daemon-reload').then(() => systemctl('enable', UNIT));
  if (enabled.status !== 0)
    return refuse({ code: 'launch-failed', why: `"systemctl enable ${UNIT}": ${enabled.stderr.trim()}` });
  const docker = dockerAt(settings);
  const found = await findContainer(docker);
  if (found.ok && found.value !== undefined) await docker.run('update', '--restart=no', docker.container);
  return ok(undefined);
}

/** Everything that can be refused before something is written. */
function objection(root: string, env: Context['env'], settings: Settings): Result<void> {
  if (process.geteuid?.() !== 0) return refuse({ code: 'no-permission', what: `install to ${root}` });
  if (!existsSync(DAEMON))
    return refuse({ code: 'launch-failed', why: `there is no ${DAEMON}; run "npm run build"` });
  if (env['MESH_PASSWORD'] && settings.passwordFile === undefined) {
    const why = 'a router that starts at boot reads the password from a file: use --password-file FILE';
    return refuse({ code: 'bad-usage', why, command: 'install' });
  }
  const isThere =
    root === '/' ? existsSync(join(root, BOOTED)) : SYSTEMD.some(path => existsSync(join(root, path)));
  if (!isThere) return refuse({ code: 'no-systemd', root });
  const link = join(root, LINK);
  const unit = join(root, UNIT_FILE);
  if (existsOrDangles(link) && !isOurLink(link)) return refuse({ code: 'install-taken', path: link });
  return existsSync(unit) && !isOurs(unit) ? refuse({ code: 'install-taken', path: unit }) : ok(undefined);
}

function write(root: string, settings: Settings, verbs: readonly string[]): Result<void> {
  return withFile(root, () => {
    const place = (path: string): string => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      return join(root, path);
    };
    rmSync(place(LINK), { force: true });
    symlinkSync(LAUNCHER, place(LINK));
    writeFileSync(place(UNIT_FILE), unitFile(settings), { mode: 0o644 });
    writeFileSync(place(COMPLETION), completionScript(verbs), { mode: 0o644 });
    if (root === '/') return;
    rmSync(place(WANTED), { force: true });
    symlinkSync(UNIT_FILE, place(WANTED));
  });
}

/** Gives what was there. */
function remove(root: string): readonly string[] {
  const mine = [
    ...[LINK].filter(path => isOurLink(join(root, path))),
    ...[UNIT_FILE, COMPLETION].filter(path => isOurs(join(root, path))),
  ];
  if (mine.includes(UNIT_FILE)) rmSync(join(root, WANTED), { force: true });
  for (const path of mine) rmSync(join(root, path));
  return mine;
}

function existsOrDangles(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** To a `mesh` of any checkout. */
function isOurLink(path: string): boolean {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  return isLink && readlinkSync(path).endsWith('/mesh');
}

/** Whether this host has the unit. */
export const isInstalled = (): boolean => isOurs(UNIT_FILE);

const isOurs = (path: string): boolean =>
  existsSync(path) && readFileSync(path, 'utf8').startsWith('# Written by "mesh install"');

const systemctl = (...argv: readonly string[]): Promise<Output> => runCommand('systemctl', argv, {});
