import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildCli, buildDaemon } from '../../../build.ts';
import { ask } from '../../../src/api/control/client.ts';
import { until } from '../until.ts';
import type { Host } from './host.ts';
import { createLab } from './lab.ts';
import { startProbe } from './probe.ts';
import { type } from './shell.ts';

const checkout = join(import.meta.dirname, '../../..');
export const NEWER = '99.0.0';

/** Two hosts with a container each, and a probe between the two; something befalls the router of the first. */
export interface RestartStage {
  readonly host: Host;
  readonly other: Host;
  /** How a newer build of `mesh` is called. */
  readonly newer: string;
  /** The router's process number. */
  router(): Promise<number>;
  destroy(): Promise<void>;
}

/** Something that befalls a router. */
export interface Ordeal {
  readonly title: string;
  /** Until the router should find back by itself; gives what a command said meanwhile, where it was to say something. */
  befall(stage: RestartStage): Promise<string | undefined>;
}

/** What came of it. */
export interface Outcome {
  readonly sent: number;
  readonly lost: number;
  /** Interfaces of the switch and of the container: those that are gone or have another index, and those that count anew. */
  readonly replaced: readonly string[];
  readonly counting: readonly string[];
  /** From the end of the ordeal until both routers call the connection established. */
  readonly seconds: number;
  readonly said: string | undefined;
}

/** The first host's state directory is a small disk of its own. */
export async function createRestartStage(): Promise<RestartStage> {
  const folder = mkdtempSync(join(checkout, 'dist', 'newer-'));
  await buildCli(folder, NEWER);
  await buildDaemon(folder, NEWER);
  const lab = await createLab({ hosts: 2 });
  const [host, other] = lab.hosts as [Host, Host];
  await type(host, 'mount -t tmpfs -o size=16m,mode=700 tmpfs /var/lib/mesh');
  await type(host, 'mesh launch --native');
  await type(other, `mesh launch --native ${host.address}`);
  for (const [index, each] of lab.hosts.entries()) {
    const name = await each.addNamespace('box');
    await type(each, `mesh attach 10.0.0.${11 + index}/24 ${name}`);
  }
  await established(host, other);
  // Each has heard of the other's container, and the first packet has found its way.
  await type(host, 'until ip netns exec box ping -c 1 -W 1 10.0.0.12; do sleep 0.1; done');
  return {
    ...{ host, other, newer: `${join(checkout, 'dist/node')} ${join(folder, 'cli.cjs')}` },
    async router() {
      const health = await ask(socketOf(host), 'health');
      if (!health.ok) throw new Error(`no router on ${host.name}: ${health.problem.code}`);
      return health.value.pid;
    },
    async destroy() {
      await lab.destroy();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Plays one ordeal under the probe. */
export async function play(stage: RestartStage, ordeal: Ordeal): Promise<Outcome> {
  const { host, other } = stage;
  await established(host, other);
  const before = await links(host);
  const probe = await startProbe(host, 'box', '10.0.0.12');
  const said = await ordeal.befall(stage);
  const over = performance.now();
  await established(host, other);
  const seconds = (performance.now() - over) / 1000;
  const { sent, answered } = await probe.stop();
  const after = await links(host);
  const kept = [...before].filter(([name, { index }]) => after.get(name)?.index === index);
  return {
    ...{ sent, lost: sent - answered, seconds, said },
    replaced: [...before.keys()].filter(name => !kept.some(([other]) => other === name)),
    counting: kept.filter(([name, { packets }]) => after.get(name)!.packets < packets).map(([name]) => name),
  };
}

const socketOf = (host: Host): string => `/proc/${host.pid}/root/run/mesh/mesh.sock`;

/** Until each of the two routers calls its connection with the other established. */
async function established(...hosts: readonly [Host, Host]): Promise<void> {
  let shown = '';
  const states = async (host: Host): Promise<string> => {
    const report = await ask(socketOf(host), 'report');
    if (!report.ok) return report.problem.code;
    return report.value.connections.map(({ state }) => state).join();
  };
  await until(
    async () => {
      shown = (await Promise.all(hosts.map(states))).join(' ');
      return shown === 'established established' || undefined;
    },
    () => shown,
    60_000,
  );
}

interface Counted {
  readonly index: number;
  readonly packets: number;
}

interface KernelLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly stats64: { readonly rx: { readonly packets: number }; readonly tx: { readonly packets: number } };
}

/** Of the switch and of the container. */
async function links(host: Host): Promise<ReadonlyMap<string, Counted>> {
  const found = new Map<string, Counted>();
  for (const place of ['/run/mesh/switch', '/run/netns/box']) {
    const json = await type(host, `nsenter --net=${place} ip -json -s link`);
    for (const { ifindex, ifname, stats64 } of JSON.parse(json) as readonly KernelLink[])
      found.set(`${place} ${ifname}`, { index: ifindex, packets: stats64.rx.packets + stats64.tx.packets });
  }
  return found;
}
