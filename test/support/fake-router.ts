import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControlHandlers, DnsReport } from '../../src/api/control/contract.ts';
import { createControlServer } from '../../src/api/control/server.ts';
import { controlSocket } from '../../src/api/control/settings.ts';
import type { Ipv4, Mac, PeerId } from '../../src/core/address.ts';
import { ok } from '../../src/core/errors.ts';
import type { PeerLabel, Report } from '../../src/core/report.ts';
import { createFakeLog } from './fake-log.ts';

export const HOST1: PeerLabel = {
  id: '12D3KooWAAAA' as PeerId,
  name: '06:0f:d4:4f:de:19' as Mac,
  nickname: 'host1',
};
export const HOST2: PeerLabel = {
  id: '12D3KooWBBBB' as PeerId,
  name: 'e2:7e:49:7e:0f:1b' as Mac,
  nickname: 'host2',
};

const LINK = { address: '192.168.48.12:42459', outbound: false } as const;

/** Two routers with one container each; host1 has dialled a third that isn't there. */
export const DNS: DnsReport = {
  zone: 'mesh.internal',
  ttl: 1,
  server: {
    listening: [
      { address: '172.17.0.1', port: 53, inSwitch: false },
      { address: '10.47.255.254', port: 53, inSwitch: true },
    ],
    upstreams: [{ address: '192.168.1.1', asked: 2, answered: 2, trouble: undefined }],
    counters: {},
    restarts: 0,
  },
};

export const REPORT: Report = {
  version: '0.1.0',
  protocol: 1,
  state: 'ready',
  self: HOST1,
  listen: '0.0.0.0:6783',
  data: '192.168.48.11:6784',
  password: true,
  discovery: true,
  targets: ['192.168.48.13:6783'],
  connections: [
    {
      ...LINK,
      state: 'established',
      peer: HOST2,
      path: 'fastdp',
      mtu: 1450,
      rttMs: 0.2,
      problem: undefined,
      retryInMs: undefined,
    },
    {
      address: '192.168.48.13:6783',
      outbound: true,
      state: 'retrying',
      peer: undefined,
      path: undefined,
      mtu: undefined,
      rttMs: undefined,
      problem: { code: 'peer-timeout', peer: '192.168.48.13:6783' },
      retryInMs: 2_400,
    },
  ],
  paths: [
    {
      peer: HOST2,
      path: 'fastdp',
      relay: undefined,
      mtu: 1450,
      rttMs: 0.2,
      loss: 0,
      why: undefined,
      protection: undefined,
    },
  ],
  peers: [
    {
      ...HOST1,
      version: '0.1.0',
      addresses: ['192.168.48.11:6783'],
      reachable: true,
      alive: true,
      connections: [{ ...LINK, peer: HOST2, established: true }],
    },
    {
      ...HOST2,
      version: '0.1.0',
      addresses: ['192.168.48.12:6783'],
      reachable: true,
      alive: true,
      connections: [{ address: '192.168.48.11:6783', outbound: true, peer: HOST1, established: true }],
    },
  ],
  networks: [
    {
      name: 'mesh',
      id: 'mesh',
      vni: 4097,
      subnets: ['10.32.0.0/12'],
      range: undefined,
      gateway: undefined,
      aux: {},
      internal: false,
      encrypted: false,
      labels: {},
      exposed: ['10.32.0.2/12'],
      mtu: 1450,
      endpoints: 2,
    },
  ],
  endpoints: [
    {
      network: 'mesh',
      address: '10.0.0.11' as Ipv4,
      prefix: 24,
      mac: '0a:01:0a:00:00:0b' as Mac,
      container: 'a'.repeat(64),
      containerName: 'box1',
      host: HOST1,
      conflict: undefined,
    },
    {
      network: 'mesh',
      address: '10.0.0.12' as Ipv4,
      prefix: 24,
      mac: '0a:01:0a:00:00:0c' as Mac,
      container: 'b'.repeat(64),
      containerName: 'box2',
      host: HOST2,
      conflict: { containerName: 'box9', host: HOST1 },
    },
  ],
  removed: [],
  zone: 'mesh.internal',
  names: [
    { name: 'box1', address: '10.0.0.11' as Ipv4, container: 'a'.repeat(64), host: HOST1 },
    { name: 'printer', address: '192.168.1.9' as Ipv4, container: undefined, host: HOST2 },
  ],
  ipam: {
    universe: '10.32.0.0/12',
    defaultSubnet: '10.32.0.0/12',
    seeds: [HOST1.name],
    state: 'ready',
    why: undefined,
    shares: [
      { peer: HOST1, addresses: 524_288, reachable: true, silentMs: undefined },
      { peer: HOST2, addresses: 524_288, reachable: true, silentMs: undefined },
    ],
    untaken: [],
    removed: [],
    quarantined: { addresses: 0, forMs: 0 },
    given: 2,
    free: 524_283,
    strangers: [],
  },
  dormant: [
    {
      container: 'c'.repeat(64),
      containerName: 'box3',
      network: 'mesh',
      addresses: ['10.0.0.13/24'],
      why: 'its container is stopped',
    },
  ],
};

export interface FakeRouter {
  readonly runDir: string;
  readonly socket: string;
  /** Names and bodies of the calls so far. */
  readonly calls: readonly (readonly [string, unknown])[];
  close(): Promise<void>;
}

/** A real control server in a directory of its own, over handlers that succeed unless `handlers` says otherwise. */
export async function startFakeRouter(handlers: Partial<ControlHandlers> = {}): Promise<FakeRouter> {
  const directory = mkdtempSync(join(tmpdir(), 'mcl-'));
  chmodSync(directory, 0o755);
  const runDir = join(directory, 'run');
  const socket = controlSocket(runDir);
  const calls: [string, unknown][] = [];
  const all: ControlHandlers = {
    health: async () => ok({ version: '0.1.0', pid: process.pid, state: 'ready', how: 'native' }),
    report: async () => ok(REPORT),
    dataplane: async () =>
      ok({
        inspection: { forwarding: { peers: [], networks: [] }, attachments: [] },
        counters: {},
        mended: [],
      }),
    attach: async ({ addresses }) => ok({ addresses }),
    detach: async ({ addresses }) => ok({ addresses: addresses ?? ['10.0.0.11/24'] }),
    expose: async ({ addresses }) => ok({ addresses: addresses?.length ? addresses : ['10.32.0.1/12'] }),
    hide: async ({ addresses }) => ok({ addresses: addresses ?? ['10.32.0.1/12'] }),
    allocate: async ({ subnet = '10.32.0.0/12' }) => ok({ addresses: [subnet.replace('.0/', '.1/')] }),
    claim: async ({ address }) => ok({ addresses: [address] }),
    release: async ({ address = '10.32.0.1' }) => ok({ addresses: [`${address}/12`] }),
    held: async () => ok({ addresses: ['10.32.0.1/12'] }),
    owned: async () => ok({ owned: [{ owner: 'box1', addresses: ['10.32.0.1/12'] }] }),
    prime: async () => ok(undefined),
    name: async () => ok(undefined),
    unname: async () => ok(undefined),
    dns: async () => ok(DNS),
    proxy: async () => ok({ addresses: ['unix:///run/mesh/docker.sock'] }),
    lookup: async ({ name }) => ok({ addresses: name === 'web' ? ['10.0.0.11', '10.0.0.12'] : [] }),
    connect: async () => ok(undefined),
    forget: async () => ok(undefined),
    rmpeer: async () => ok({ removed: [] }),
    repair: async () => ok({ repaired: [] }),
    createNetwork: async ({ name }) => ok({ ...REPORT.networks[0]!, name }),
    removeNetwork: async () => ok(undefined),
    leave: async () =>
      ok({ detached: [{ container: 'a'.repeat(64), containerName: 'box1', addresses: ['10.0.0.11/24'] }] }),
    stop: async () => ok(undefined),
    ...handlers,
  };
  const recorded = Object.fromEntries(
    Object.entries(all).map(([name, handler]) => [
      name,
      (body: unknown) => {
        calls.push([name, body]);
        return (handler as (body: unknown) => unknown)(body);
      },
    ]),
  ) as unknown as ControlHandlers;
  const server = createControlServer({ socketPath: socket, handlers: recorded, log: createFakeLog() });
  const started = await server.start();
  if (!started.ok) throw new Error(started.problem.code);
  return {
    runDir,
    socket,
    calls,
    async close() {
      await server.close();
      rmSync(directory, { recursive: true });
    },
  };
}
