import { readFileSync } from 'node:fs';
import { ask } from '../../src/api/control/client.ts';
import type { Report } from '../../src/core/report.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { until } from '../support/until.ts';
import { cpuSeconds } from './measure.ts';

/** A host of a lab with a native router. */
export interface Member {
  readonly host: Host;
  /** The router's control socket, as it is reached from here. */
  readonly socket: string;
  /** What a path of the host's own file system is called here. */
  path(inside: string): string;
  report(): Promise<Report>;
  /** The router's process number on its host. */
  readonly pid: number;
  /** A file of the router in /proc, e.g. `status`. */
  proc(file: string): string;
  /** CPU time that the router has used, in seconds. */
  cpu(): number;
}

export interface Mesh {
  readonly members: readonly Member[];
  /** Hosts without a router. */
  readonly spare: readonly Host[];
  readonly lab: Lab;
}

/** Makes `count` hosts that are all connected, and `spare` more without a router; takes everything away afterwards. */
export async function withMesh<T>(count: number, action: (mesh: Mesh) => Promise<T>, spare = 0): Promise<T> {
  const lab = await createLab({ hosts: count + spare });
  try {
    const members: Member[] = [];
    for (const host of lab.hosts.slice(0, count)) members.push(await launch(host, members.length > 0));
    for (const member of members) await connected(member, count - 1);
    return await action({ members, spare: lab.hosts.slice(count), lab });
  } finally {
    await lab.destroy();
  }
}

async function launch(host: Host, join: boolean): Promise<Member> {
  await host.succeed(['mesh', 'launch', '--native', ...(join ? ['192.168.48.11'] : [])]);
  return memberOf(host);
}

/** A host whose router runs. */
export async function memberOf(host: Host): Promise<Member> {
  const path = (inside: string) => `/proc/${host.pid}/root${inside}`;
  const socket = path('/run/mesh/mesh.sock');
  const health = await ask(socket, 'health');
  if (!health.ok) throw new Error(`no answer from the router on ${host.name}: ${health.problem.code}`);
  const { pid } = health.value;
  const proc = (file: string) => readFileSync(path(`/proc/${pid}/${file}`), 'utf8');
  const report = async () => {
    const reply = await ask(socket, 'report');
    if (!reply.ok) throw new Error(`${host.name}: ${reply.problem.code}`);
    return reply.value;
  };
  return { host, socket, pid, path, report, proc, cpu: () => cpuSeconds(proc('stat')) };
}

/** Until so many connections are established: frames get there, and the MTU is known. */
export async function connected(member: Member, count: number, limitMs = 30_000): Promise<void> {
  let shown = '';
  await until(
    async () => {
      const { connections } = await member.report();
      shown = connections.map(({ address, state }) => `${address} ${state}`).join(', ');
      return connections.filter(({ state }) => state === 'established').length >= count || undefined;
    },
    () => `${count} connections of ${member.host.name}; it has ${shown || 'none'}`,
    limitMs,
  );
}

/** Makes namespaces PREFIX0, PREFIX1 ... on the host. */
export async function addNamespaces(host: Host, prefix: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, index) => `netns add ${prefix}${index}\n`);
  await host.succeed(['ip', '-batch', '-'], { input: lines.join('') });
}

/** Attaches a namespace of the member's host; gives the milliseconds from request to answer. Throws a refusal. */
export async function attach(member: Member, namespace: string, address: string): Promise<number> {
  const request = { container: `netns:/run/netns/${namespace}`, addresses: [`${address}/16`] };
  const started = performance.now();
  const reply = await ask(member.socket, 'attach', request);
  const took = performance.now() - started;
  if (!reply.ok) throw new Error(`attach ${address} ${namespace}: ${reply.problem.code}`);
  return took;
}

/** The address number `index` of 10.0.0.0/16, outside of the space that the mesh hands out. */
export const addressOf = (index: number): string =>
  `10.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
