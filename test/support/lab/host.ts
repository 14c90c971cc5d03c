import { join, resolve } from 'node:path';
import { type CommandOptions, failure, type Output, run } from './command.ts';
import { type Guest, startGuest } from './guest.ts';
import { type Program, startProgram } from './program.ts';
import type { Socket } from './underlay.ts';

/** A machine of the lab: own network, processes, mounts, host name, /run, /tmp and state of the router. */
export interface Host extends Socket {
  /** Runs a command to its end. */
  exec(argv: readonly string[], options?: CommandOptions): Promise<Output>;
  /** Runs a command that has to end with 0, and gives its standard output. */
  succeed(argv: readonly string[], options?: CommandOptions): Promise<string>;
  /** Starts a command that goes on; it ends with the host at the latest. */
  spawn(argv: readonly string[]): Promise<Program>;
  /** Runs `mesh` of this checkout, which is installed in /usr/local/bin. */
  mesh(args: readonly string[], options?: CommandOptions): Promise<Output>;
  /** Adds an empty network namespace, a stand-in for a container; gives what `mesh attach` calls it. */
  addNamespace(name: string): Promise<string>;
  /** Ends it as a power cut does. May be repeated. */
  end(): Promise<void>;
}

const checkout = resolve(import.meta.dirname, '../../..');

export interface HostOptions {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  /** A folder that becomes the host's /var/lib/mesh. */
  readonly disk: string;
  /** What starts the host: a prefix of its command line, e.g. to enter a cgroup. */
  readonly launcher?: readonly string[];
  /** A program to run in the host before it counts as started. */
  readonly service?: string;
}

/** Starts a host without a network. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { name, address, mac, disk, launcher = [], service } = options;
  const guest = await startGuest([
    ...launcher,
    ...['unshare', '--net', '--pid', '--mount', '--uts', '--ipc', '--propagation', 'private'],
    ...['--fork', '--kill-child', join(import.meta.dirname, 'host-init')],
    ...[name, disk, checkout, ...(service === undefined ? [] : [service])],
  ]);
  const pid = processOf(guest);
  const enter = ['nsenter', '--all', `--target=${pid}`, '--root', '--wdns=/root'];
  const exec: Host['exec'] = (argv, execOptions) => run([...enter, ...argv], execOptions);
  const must: Host['succeed'] = async (argv, execOptions) => {
    const output = await exec(argv, execOptions);
    if (output.status !== 0) throw failure([`${name}#`, ...argv], output);
    return output.stdout;
  };
  return {
    ...{ name, address, mac, pid, exec, succeed: must },
    spawn: argv => startProgram(enter, argv),
    mesh: (args, execOptions) => exec(['mesh', ...args], execOptions),
    async addNamespace(namespace) {
      await must(['ip', 'netns', 'add', namespace]);
      await must(['ip', '-netns', namespace, 'link', 'set', 'lo', 'up']);
      return `netns:/run/netns/${namespace}`;
    },
    end: () => guest.end(),
  };
}

function processOf(guest: Guest): number {
  const pid = guest.lines.find(line => line.startsWith('pid '))?.slice('pid '.length);
  if (pid === undefined) throw new Error(`the host did not say its process number: ${guest.lines}`);
  return Number(pid);
}
