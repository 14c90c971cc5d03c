import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createNameServer } from '../../src/api/dns/name-server.ts';
import { fromNumber, type Ipv4 } from '../../src/core/address.ts';
import { threadProgram } from '../../src/daemon/threads.ts';
import { questionBytes } from '../support/dns/ask.ts';
import { createFakeLog } from '../support/fake-log.ts';
import { type Figure, percentile } from './measure.ts';

const NAMES = 1_000;
const PER_MS = 5;
const ROUNDS = 10;
const SECONDS = 1;
/** The 99th percentile of datagrams that come straight back at this rate, on a quiet machine. */
const QUIET_ECHO_MS = 0.6;
/** What has not come by then was lost. */
const LATE_MS = 2_000;
const LOOPBACK = { address: '127.0.0.0' as Ipv4, prefix: 8 };

/** Sends every datagram back: what a thread and two sockets cost. */
const ECHO = `const socket = require('node:dgram').createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(socket.address().port));`;

/**
 * The 99th percentile, second by second, of answers at 5,000 questions a second, and while 1,000 names a second change;
 * a datagram that comes straight back in between.
 */
export async function run(): Promise<readonly Figure[]> {
  const echo = new Worker(ECHO, { eval: true });
  const [bare] = (await once(echo, 'message')) as [number];
  const free = createSocket('udp4').bind(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address();
  free.close();
  const server = createNameServer({
    ...{ zone: 'mesh.internal', ttl: 1, resolvConf: '/nowhere' },
    program: threadProgram('dns-thread'),
    log: createFakeLog(),
  });
  const record = (index: number) => ({
    network: 'mesh',
    name: `box${index}`,
    addresses: [fromNumber(0x0a200001 + index)],
  });
  server.publish(Array.from({ length: NAMES }, (_, index) => record(index)));
  const place = {
    address: '127.0.0.1' as Ipv4,
    port,
    namespace: undefined,
    network: undefined,
    allowed: [LOOPBACK],
  };
  server.open();
  const listening = await server.listen([place]);
  if (!listening.ok) throw new Error(listening.problem.code);
  await ask(port, 1);
  const [theirs, calm, busy]: [number[], number[], number[]] = [[], [], []];
  let changed = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    theirs.push(percentile(await ask(bare, SECONDS), 99));
    calm.push(percentile(await ask(port, SECONDS), 99));
    const changes = setInterval(() => {
      for (let count = 0; count < 10; count += 1) server.publish([record(NAMES + (changed++ % NAMES))]);
    }, 10);
    busy.push(percentile(await ask(port, SECONDS), 99));
    clearInterval(changes);
  }
  await server.close();
  await echo.terminate();
  const common = { theirs, unit: 'ms (p99)', against: 'a thread that sends datagrams back' } as const;
  const limits = { ...common, control: QUIET_ECHO_MS, limited: 'value', must: 'at-most' } as const;
  return [
    { ...limits, bench: 'dns-latency', ours: calm, limit: 2 },
    { ...limits, bench: 'dns-latency-changing', ours: busy, limit: 5, detail: { changed } },
  ];
}

/** Gives how long each answer took. */
async function ask(port: number, seconds: number): Promise<readonly number[]> {
  const questions = Array.from({ length: NAMES }, (_, index) => questionBytes(`box${index}.mesh.internal`));
  const sent = new Float64Array(0x10000);
  const took: number[] = [];
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.on('message', bytes => took.push(performance.now() - sent[bytes.readUInt16BE(0)]!));
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const began = performance.now();
  let asked = 0;
  await new Promise<void>(resolve => {
    const timer = setInterval(() => {
      const now = performance.now() - began;
      // Timers come late: what they missed is made up for.
      for (; asked < now * PER_MS && asked < seconds * 1_000 * PER_MS; asked += 1) {
        const question = questions[asked % NAMES]!;
        question.writeUInt16BE(asked & 0xffff, 0);
        sent[asked & 0xffff] = performance.now();
        socket.send(question);
      }
      if (now < seconds * 1_000) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  const deadline = performance.now() + LATE_MS;
  while (took.length < asked && performance.now() < deadline) await sleep(10);
  socket.close();
  if (took.length < asked * 0.999)
    throw new Error(`${asked - took.length} of ${asked} questions without an answer`);
  return took;
}
