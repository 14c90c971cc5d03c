import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { until } from '../until.ts';
import { succeed } from './command.ts';

/** The namespaces that a process is in, e.g. `net:[4026531840]`. */
export function namespacesOf(pid: number): readonly string[] {
  return ['net', 'pid', 'mnt'].map(kind => readlinkSync(`/proc/${pid}/ns/${kind}`));
}

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

/** Runs `work`, which gives the namespaces of hosts that it ended, and waits until the machine is as before. */
export async function expectNothingLeft(work: () => Promise<readonly string[]>): Promise<void> {
  const before = await machineTraces();
  const namespaces = await work();
  let left: readonly string[] = [];
  await until(
    async () => {
      const now = await machineTraces();
      const processes = processesIn(namespaces).map(pid => `process ${pid}`);
      left = [...now.filter(trace => !before.includes(trace)), ...processes];
      return left.length === 0 || undefined;
    },
    () => left.join('\n'),
  );
}

/** What lies outside of namespaces bears the name of its lab: mounts, links, cgroups and disks. */
async function machineTraces(): Promise<readonly string[]> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  const links = (await succeed(['ip', '-oneline', '-brief', 'link'])).trim().split('\n');
  const groups = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .flatMap(([, mount = '']) => readdirSync(mount).map(name => `${mount}/${name}`));
  const disks = readdirSync('/var/tmp').map(name => `/var/tmp/${name}`);
  return [...mounts, ...links, ...groups, ...disks].filter(trace => /\bml[0-9a-f]{6}\b/.test(trace));
}
