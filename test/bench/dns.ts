import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createNameServer } from '../../src/api/dns/name-server.ts';
import { fromNumber, type Ipv4 } from '../../src/core/address.ts';
import { threadProgram } from '../../src/daemon/threads.ts';
import { ask } from '../support/dns/ask.ts';
import { createFakeLog } from '../support/fake-log.ts';
import { installPrograms, obstacle, type Program } from '../support/lab/programs.ts';
import { until } from '../support/until.ts';
import type { Figure } from './measure.ts';

const DNSMASQ: readonly Program[] = [{ command: 'dnsmasq', packages: ['dnsmasq-base'] }];
const LOAD = join(import.meta.dirname, 'dns-load.ts');
const NAMES = 1_000;
const ROUNDS = 9;
const SECONDS = 1;
/** Questions that are under way at once. */
const WINDOW = 64;
const LOOPBACK = { address: '127.0.0.0' as Ipv4, prefix: 8 };

const record = (index: number) => ({
  network: 'mesh',
  name: `box${index}`,
  addresses: [fromNumber(0x0a200001 + index)],
});

/** A server under load: where it listens, and the file that tells its CPU time. */
interface Server {
  readonly port: number;
  readonly schedule: string;
  stop(): Promise<void> | void;
}

interface Load {
  readonly microseconds: number;
  readonly rate: number;
}

/** CPU time of the server for each answer about a name that it knows, ours and dnsmasq's in turn, under the same load. */
export async function run(): Promise<readonly Figure[]> {
  installPrograms(DNSMASQ, line => process.stderr.write(`${line}\n`));
  const why = obstacle(DNSMASQ);
  if (why !== undefined) throw new Error(why);
  const servers: Server[] = [];
  const [ours, theirs]: [Load[], Load[]] = [[], []];
  try {
    const own = await startOurs();
    servers.push(own);
    const other = await startDnsmasq();
    servers.push(other);
    for (let round = -1; round < ROUNDS; round += 1) {
      const loads = { own: await load(own), other: await load(other) };
      if (round < 0) continue; // Warms both up.
      ours.push(loads.own);
      theirs.push(loads.other);
    }
  } finally {
    for (const server of servers) await server.stop();
  }
  const cost = (loads: readonly Load[]) => loads.map(({ microseconds }) => microseconds);
  const rate = (loads: readonly Load[]) => Math.max(...loads.map(one => one.rate));
  return [
    {
      ...{ bench: 'dns', unit: 'us of CPU an answer', against: 'dnsmasq with the same names', paired: true },
      ...{ ours: cost(ours), theirs: cost(theirs), limited: 'ratio', limit: 2, must: 'at-most' },
      detail: { 'answers a second': rate(ours), "dnsmasq's": rate(theirs) },
    },
  ];
}

async function load({ port, schedule }: Server): Promise<Load> {
  const before = cpuNanoseconds(schedule);
  const words = [LOAD, port, SECONDS, WINDOW, NAMES].map(String);
  const { stdout } = await promisify(execFile)(process.execPath, words);
  const { answered, lost } = JSON.parse(stdout) as { answered: number; lost: number };
  if (lost > answered / 1_000) throw new Error(`${lost} questions without an answer, ${answered} with one`);
  return { microseconds: (cpuNanoseconds(schedule) - before) / answered / 1_000, rate: answered / SECONDS };
}

/** Of one thread (sched-stats.rst of the kernel: time spent on the CPU). */
const cpuNanoseconds = (schedule: string): number => Number(readFileSync(schedule, 'utf8').split(' ')[0]);

async function startOurs(): Promise<Server> {
  const server = createNameServer({
    ...{ zone: 'mesh.internal', ttl: 1, resolvConf: '/nowhere' },
    program: threadProgram('dns-thread'),
    log: createFakeLog(),
  });
  server.publish(Array.from({ length: NAMES }, (_, index) => record(index)));
  const port = await freePort();
  const at = { address: '127.0.0.1' as Ipv4, port, namespace: undefined, network: undefined };
  const place = { ...at, allowed: [LOOPBACK] };
  server.open();
  const listening = await server.listen([place]);
  if (!listening.ok) throw new Error(listening.problem.code);
  const thread = readdirSync('/proc/self/task').find(
    id => readFileSync(`/proc/self/task/${id}/comm`, 'utf8') === 'dns\n',
  );
  if (thread === undefined) throw new Error('there is no thread "dns"');
  return { port, schedule: `/proc/self/task/${thread}/schedstat`, stop: () => server.close() };
}

async function startDnsmasq(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-bench-dnsmasq-'));
  const hosts = join(folder, 'hosts');
  const lines = Array.from({ length: NAMES }, (_, index) => {
    const { name, addresses } = record(index);
    return `${addresses[0]} ${name}.mesh.internal\n`;
  });
  writeFileSync(hosts, lines.join(''));
  const port = await freePort();
  const child = spawn(
    'dnsmasq',
    [
      ...['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file', '--user=root', '--local-ttl=1'],
      ...['--no-resolv', '--no-hosts', `--addn-hosts=${hosts}`, '--local=/mesh.internal/'],
      ...[`--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces'],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await until(
    async () =>
      (await ask({ address: '127.0.0.1', port }, 'box0.mesh.internal').catch(() => undefined)) ?? undefined,
    () => 'dnsmasq does not answer',
  );
  return {
    port,
    schedule: `/proc/${child.pid}/schedstat`,
    async stop() {
      child.kill();
      await once(child, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
