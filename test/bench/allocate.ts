import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { ask } from '../../src/api/control/client.ts';
import type { Host } from '../support/lab/host.ts';
import { until } from '../support/until.ts';
import { EMPTY_START_S, type Figure, percentile } from './measure.ts';
import { type Member, type Mesh, withMesh } from './stage.ts';

/** Addresses that are held while a router starts, and that are asked for at once. */
const HELD = 10_000;
const IN_FLIGHT = 16;
const ALONE = 300;
/** Fewer than the parts that a peer may have its space in. */
const BORROWED = 80;
const STARTS = 7;
/** About what an address takes on disk. */
const RECORD = Buffer.alloc(256);

interface Measured {
  /** Addresses a second, of each thousand. */
  readonly rates: readonly number[];
  /** Milliseconds from request to answer, and of a write to the same disk that nobody else has a part in. */
  readonly alone: readonly number[];
  readonly fsync: readonly number[];
  readonly borrowed: readonly number[];
  readonly own: readonly number[];
  /** Seconds from the command to a router that is ready, with and without addresses. */
  readonly full: readonly number[];
  readonly empty: readonly number[];
}

/** Addresses over the control socket, each durable before it is told; then what many of them cost a start. */
export async function run(): Promise<readonly Figure[]> {
  const { rates, alone, fsync, borrowed, own, full, empty } = await withMesh(2, measure, 1);
  const disk = 'a write and fdatasync in the same directory';
  const perSecond = fsync.map(ms => 1_000 / ms);
  return [
    {
      ...{
        bench: 'allocate-rate',
        unit: '1/s',
        ours: rates,
        theirs: perSecond,
        against: `${disk}, one at a time`,
      },
      ...{ limited: 'value', limit: 4_000, must: 'at-least' },
    },
    {
      ...{ bench: 'allocate-p50', unit: 'ms', ours: alone, theirs: fsync, against: disk },
      // On a slow disk, what the disk alone takes counts.
      ...{ limited: 'value', limit: Math.max(2, 1.3 * percentile(fsync, 50)), must: 'at-most' },
    },
    {
      ...{ bench: 'borrow-p99', unit: 'ms', ours: borrowed, theirs: own, against: 'one of its own space' },
      ...{ percentile: 99, limited: 'value', limit: 500, must: 'at-most' },
    },
    {
      ...{ bench: 'reload', unit: 's', ours: full, theirs: empty, against: 'a start without addresses' },
      ...{ limited: 'value', limit: 2, must: 'at-most', control: 20 * EMPTY_START_S },
    },
  ];
}

async function measure({ members, spare }: Mesh): Promise<Measured> {
  const [first, second] = [members[0]!, members[1]!];
  const { alone, fsync } = await oneByOne(first);
  const { borrowed, own } = await borrow(second);
  const rates = await manyAtOnce(first);
  const starts = await restart(first, spare[0]!);
  return { rates, alone, fsync, borrowed, own, ...starts };
}

/** As another program would ask: over connections that it keeps. */
const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });

/** Milliseconds that an address for `owner` takes. Throws a refusal. */
function allocate({ socket }: Member, owner: string, subnet?: string): Promise<number> {
  const path = subnet === undefined ? `/ip/${owner}` : `/ip/${owner}/${subnet}`;
  const headers = { host: 'mesh', 'content-length': 0 };
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, method: 'POST', path, headers, agent }, response => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - started);
        else reject(new Error(`${path}: status ${response.statusCode}`));
      });
    });
    outgoing.on('error', reject).end();
  });
}

async function oneByOne(member: Member): Promise<Pick<Measured, 'alone' | 'fsync'>> {
  const path = member.path('/var/lib/mesh/bench');
  const file = openSync(path, 'w', 0o600);
  // As the journal: blocks that the file has already, so that only the record is written.
  writeSync(file, Buffer.alloc(RECORD.length * (ALONE + 1)));
  fdatasyncSync(file);
  const alone: number[] = [];
  const fsync: number[] = [];
  for (let index = 0; index <= ALONE; index += 1) {
    const took = await allocate(member, `alone${index}`);
    const started = performance.now();
    writeSync(file, RECORD, 0, RECORD.length, index * RECORD.length);
    fdatasyncSync(file);
    const bare = performance.now() - started;
    if (index === 0) continue; // Warms both up.
    alone.push(took);
    fsync.push(bare);
  }
  closeSync(file);
  rmSync(path);
  return { alone, fsync };
}

/** Each address in a subnet that is all another host's. */
async function borrow(member: Member): Promise<Pick<Measured, 'borrowed' | 'own'>> {
  const borrowed: number[] = [];
  const own: number[] = [];
  for (let index = 1; index <= BORROWED; index += 1) {
    const subnet = `10.33.${index}.0/24`;
    borrowed.push(await allocate(member, `borrower${index}`, subnet));
    own.push(await allocate(member, `neighbour${index}`, subnet));
  }
  return { borrowed, own };
}

async function manyAtOnce(member: Member): Promise<readonly number[]> {
  const rates: number[] = [];
  const thousand = 1_000;
  for (let round = 0; round < HELD / thousand; round += 1) {
    let next = 0;
    const started = performance.now();
    const work = async (): Promise<void> => {
      for (let index = next++; index < thousand; index = next++)
        await allocate(member, `many${round}-${index}`);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    rates.push((thousand / (performance.now() - started)) * 1_000);
  }
  const given = (await member.report()).ipam?.given ?? 0;
  if (given < HELD) throw new Error(`${given} addresses are held, fewer than ${HELD}`);
  return rates;
}

async function restart({ host }: Member, other: Host): Promise<Pick<Measured, 'full' | 'empty'>> {
  const full: number[] = [];
  const empty: number[] = [];
  await host.succeed(['mesh', 'stop']);
  for (let round = 0; round < STARTS; round += 1) {
    full.push(await startOf(host, HELD));
    empty.push(await startOf(other, 0));
  }
  return { full, empty };
}

/** Seconds from the command until the router is ready and has all its addresses; then it is stopped. */
async function startOf(host: Host, addresses: number): Promise<number> {
  const socket = `/proc/${host.pid}/root/run/mesh/mesh.sock`;
  const started = performance.now();
  const launched = host.succeed(['mesh', 'launch', '--native']);
  const ready = await until(
    async () => {
      const health = await ask(socket, 'health');
      return health.ok && health.value.state === 'ready' ? performance.now() : undefined;
    },
    () => `the router of ${host.name} is not ready`,
  );
  await launched;
  const report = await ask(socket, 'report');
  const given = report.ok ? (report.value.ipam?.given ?? 0) : 0;
  if (given < addresses) throw new Error(`${host.name} has ${given} addresses after its start`);
  await host.succeed(['mesh', 'stop']);
  return (ready - started) / 1_000;
}
