import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ENVIRONMENT } from './command.ts';

/** A program of the system, and the Debian packages that may bring it, in the order to try. */
export interface Program {
  readonly command: string;
  readonly packages: readonly string[];
}

const program = (command: string, ...packages: string[]): Program => ({ command, packages });

/** What hosts as namespaces take. */
export const LAB_PROGRAMS: readonly Program[] = [
  program('ip', 'iproute2'),
  program('nft', 'nftables'),
  program('ping', 'iputils-ping'),
  program('unshare', 'util-linux'),
];

/** What tests on the kernel and in a lab take. */
export const LAB_TEST_PROGRAMS: readonly Program[] = [
  ...LAB_PROGRAMS,
  program('ps', 'procps'),
  program('sysctl', 'procps'),
  program('iptables', 'iptables'),
  program('mkfs.ext4', 'e2fsprogs'),
  program('perl', 'perl-base'),
];

/** What tests on hosts with a Docker engine each take. Since Debian 13 its command line is a package of its own. */
export const DOCKER_TEST_PROGRAMS: readonly Program[] = [
  ...LAB_TEST_PROGRAMS,
  program('dockerd', 'docker.io'),
  program('docker', 'docker.io', 'docker-cli'),
  program('busybox', 'busybox-static'),
  program('curl', 'curl'),
  program('openssl', 'openssl'),
  program('docker-compose', 'docker-compose'),
];

const isRoot = (): boolean => process.getuid?.() === 0;

/** Those of `programs` that this machine doesn't have. */
function missingPrograms(programs: readonly Program[]): readonly Program[] {
  return programs.filter(({ command }) => !isInstalled(command));
}

/** Why a lab can't be made here, with what to do; undefined where it can. */
export function obstacle(programs: readonly Program[]): string | undefined {
  if (!isRoot()) return 'needs root; run it with sudo';
  const missing = missingPrograms(programs);
  if (missing.length === 0) return undefined;
  const commands = missing.map(({ command }) => command).join(', ');
  return `needs ${commands}; install ${packagesOf(missing).join(' ')} (names of Debian packages)`;
}

/**
 * Installs what is missing, if this is root on a Debian machine, and says so line by line. What could not be
 * installed is missing afterwards.
 */
export function installPrograms(programs: readonly Program[], say: (line: string) => void): void {
  const missing = missingPrograms(programs);
  say(missing.length === 0 ? 'all there' : `missing: ${missing.map(({ command }) => command).join(', ')}`);
  if (!isRoot() || !isInstalled('apt-get') || missing.length === 0) return;
  say('apt-get update');
  apt(say, 'update');
  for (const { command, packages } of missing) {
    for (const name of packages) {
      if (isInstalled(command)) break;
      say(`apt-get install ${name}`);
      apt(say, 'install', '--yes', '--no-install-recommends', name);
    }
  }
}

function packagesOf(programs: readonly Program[]): readonly string[] {
  return [...new Set(programs.map(({ packages }) => packages[0] ?? ''))];
}

/** Runs apt-get and passes on the end of what it says only where it fails. */
function apt(say: (line: string) => void, ...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' });
  if (status !== 0) for (const line of stderr.trim().split('\n').slice(-3)) say(line);
}

function isInstalled(command: string): boolean {
  return (ENVIRONMENT['PATH'] ?? '').split(delimiter).some(directory => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
