import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointReport, Report } from '../../src/core/report.ts';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Containers of three hosts come and go, and take each other's addresses. */

/** The long campaign asks for more. */
const CHURNS = Number(process.env['MESH_TEST_CHURNS'] ?? 30);
/** Fewer than containers, and no multiple of the hosts: each address is had by many, on all hosts. */
const ADDRESSES = 8;
const CHURN_MS = 5_000;
/** Until a host has heard that an address is free. */
const HEARD_MS = 2_000;

describe('containers that come and go', () => {
  let lab: Lab<DockerHost>;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 3 });
    const [first] = lab.hosts as [DockerHost];
    await type(first, 'mesh launch --native');
    for (const host of lab.hosts.slice(1)) await type(host, `mesh launch --native ${first.address} --wait`);
    await type(first, 'mesh network create churn --subnet 10.40.9.0/24');
    for (const host of lab.hosts)
      await type(host, 'until docker network inspect churn >/dev/null 2>&1; do sleep 0.1; done');
  });
  afterAll(() => lab?.destroy());

  const report = async (host: DockerHost): Promise<Report> => JSON.parse(await type(host, 'mesh report'));

  /** Starts a container with this address, which another host may have freed just now. */
  async function run(host: DockerHost, name: string, address: string): Promise<void> {
    const line = `docker run -d --network churn --ip ${address} --name ${name} busybox sleep 3600`;
    const deadline = performance.now() + HEARD_MS;
    for (;;) {
      const { status, stderr } = await host.exec(['sh', '-c', line]);
      if (status === 0) return;
      if (!stderr.includes('is held by') || performance.now() > deadline) throw new Error(stderr);
      await host.exec(['docker', 'rm', '-f', name]);
      await sleep(50);
    }
  }

  /** What this host's kernel has of containers elsewhere: addresses with their MACs, and where it sends those. */
  async function tables(host: DockerHost, vni: number) {
    const text = await type(
      host,
      `nsenter --net=/run/mesh/switch sh -c 'ip neigh show dev br-${vni} nud permanent; bridge fdb show dev vx-${vni}'`,
    );
    const lines = text.split('\n');
    const found = (pattern: RegExp) =>
      lines.flatMap(line => {
        const [, key, value] = pattern.exec(line) ?? [];
        return key === undefined || /^(00:){5}00$/.test(key) ? [] : [`${key} ${value}`];
      });
    return {
      neighbours: found(/^([\d.]+) lladdr (\S+)/).sort(),
      stations: found(/^(\S+) dst (\S+)/).sort(),
    };
  }

  it(`${CHURNS} of them, with the same addresses over and over: each kernel has what lives, and nothing else`, {
    timeout: 60_000 + CHURNS * CHURN_MS,
  }, async () => {
    const free = Array.from({ length: ADDRESSES }, (_, index) => `10.40.9.${20 + index}`);
    const takers = new Map<string, Set<string>>();
    let begun = 0;
    const churn = async (host: DockerHost): Promise<void> => {
      const kept: { name: string; address: string }[] = [];
      while (begun < CHURNS) {
        begun += 1;
        const [name, address] = [`box${begun}`, free.shift()!];
        await run(host, name, address);
        takers.set(address, (takers.get(address) ?? new Set()).add(host.name));
        kept.push({ name, address });
        if (kept.length <= 1) continue;
        const gone = kept.shift()!;
        await type(host, `docker rm -f ${gone.name}`);
        free.push(gone.address);
      }
    };
    await Promise.all(lab.hosts.map(churn));
    expect([...takers.values()].some(({ size }) => size === 3)).toBe(true);

    for (const host of lab.hosts) {
      let wrong = '';
      await until(
        async () => {
          wrong = await wrongOn(host);
          return wrong === '' || undefined;
        },
        () => `the kernel of ${host.name} does not have just what lives: ${wrong}`,
      );
    }
  });

  /** What of the host's tables is not as the engines of all hosts have it; empty where nothing is. */
  async function wrongOn(host: DockerHost): Promise<string> {
    const { networks, endpoints } = await report(host);
    const { vni } = networks.find(({ name }) => name === 'churn')!;
    const living = await Promise.all(lab.hosts.map(livingOn));
    const ours = endpoints.filter(({ network, address }) => network === 'churn' && isTaken(address));
    const told = ours.map(({ address }) => address);
    if (told.sort().join() !== living.flat().sort().join()) return `${told} are told of`;
    const elsewhere = ours.filter(endpoint => endpoint.host.nickname !== host.name);
    const { neighbours, stations } = await tables(host, vni);
    const wanted = {
      neighbours: elsewhere.map(({ address, mac }) => `${address} ${mac}`).sort(),
      stations: elsewhere.map(endpoint => `${endpoint.mac} ${underlayOf(endpoint)}`).sort(),
    };
    const has = { neighbours: neighbours.filter(line => isTaken(line)), stations };
    return JSON.stringify(has) === JSON.stringify(wanted) ? '' : JSON.stringify({ has, wanted });
  }

  const isTaken = (address: string): boolean => address.startsWith('10.40.9.');
  const underlayOf = ({ host }: EndpointReport): string =>
    lab.hosts.find(({ name }) => name === host.nickname)!.address;
  const livingOn = async (host: DockerHost): Promise<string[]> => {
    const format = '{{.NetworkSettings.Networks.churn.IPAddress}}';
    const all = await type(host, `docker ps -q | xargs -r docker inspect -f '${format}'`);
    return all.split('\n').filter(isTaken);
  };
});
