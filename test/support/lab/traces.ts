import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { until } from '../until.ts';
import { succeed } from './command.ts';

/** What to look for when a lab has ended: taken while it stands. */
export interface Traces {
  /** The name that marks all that it keeps outside of namespaces. */
  readonly lab: string;
  /** Of its hosts, e.g. `net:[4026531840]`. */
  readonly namespaces: readonly string[];
}

/** Takes the traces of a standing lab: its name, and the process numbers of its hosts. */
export async function takeTraces(lab: string, pids: readonly number[]): Promise<Traces> {
  const traces = { lab, namespaces: pids.flatMap(namespacesOf) };
  if ((await left(traces)).length <= pids.length)
    throw new Error(`lab ${lab} leaves no traces where we look`);
  return traces;
}

/** Waits until nothing of a lab is left on this machine; throws with what is left after a while. */
export async function expectGone(traces: Traces): Promise<void> {
  let found: readonly string[] = [];
  await until(
    async () => {
      found = await left(traces);
      return found.length === 0 || undefined;
    },
    () => found.join('\n'),
  );
}

/** Processes in the lab's namespaces, and mounts, links, cgroups and disks that bear its name. */
async function left({ lab, namespaces }: Traces): Promise<readonly string[]> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  const links = (await succeed(['ip', '-oneline', '-brief', 'link'])).trim().split('\n');
  const groups = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .flatMap(([, mount = '']) => readdirSync(mount).map(name => `${mount}/${name}`));
  const disks = readdirSync('/var/tmp').map(name => `/var/tmp/${name}`);
  const marked = [...mounts, ...links, ...groups, ...disks].filter(trace => trace.includes(lab));
  return [...marked, ...processesIn(namespaces).map(pid => `process ${pid}`)];
}

const namespacesOf = (pid: number): readonly string[] =>
  ['net', 'pid', 'mnt'].map(kind => readlinkSync(`/proc/${pid}/ns/${kind}`));

/** Processes of this machine that are in one of `namespaces`. */
export function processesIn(namespaces: readonly string[]): readonly number[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  return pids.map(Number).filter(pid => {
    try {
      return namespacesOf(pid).some(name => namespaces.includes(name));
    } catch {
      return false; // It ended while we looked.
    }
  });
}

/** None where it has ended meanwhile. */
function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** The lab whose keeper is a child of process `owner`; undefined while there is none. */
export function labOf(owner: number): string | undefined {
  const children = readFileSync(`/proc/${owner}/task/${owner}/children`, 'utf8').trim().split(' ');
  for (const pid of children.filter(text => text !== '')) {
    const words = commandOf(pid);
    const keeper = words.findIndex(word => word.endsWith('/keeper'));
    if (keeper >= 0) return words[keeper + 1];
  }
  return undefined;
}
