import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { Frames, framed } from '../../src/api/dns/frames.ts';
import { createNameServer } from '../../src/api/dns/name-server.ts';
import { fromNumber, type Ipv4 } from '../../src/core/address.ts';
import { threadProgram } from '../../src/daemon/threads.ts';
import type { NameServer } from '../../src/ports/name-server.ts';
import { questionBytes } from '../support/dns/ask.ts';
import { createFakeLog } from '../support/fake-log.ts';
import { keptSeeds } from './campaign.ts';
import { createRandom, mutate } from './mutator.ts';
import { insist } from './target.ts';
import { dns } from './targets/dns.ts';

/** Mutants on their way at once; a question that is known follows them, and its answer comes after theirs. */
const BATCH = 32;
/** Of all batches, one in so many goes over TCP. */
const TCP_EVERY = 16;
const SLOW_MS = 5;
/** How often what was slow is tried again by itself: other work on the machine is not its fault. */
const TRIES = 20;
const AMPLIFICATION = 3;
/** Who asks more than 20,000 times a second is not answered for a moment, and that is no harm. */
const PER_MS = 15;
const SENTINEL = 0xffff;
const LOST_MS = 10_000;
const LOOPBACK = '127.0.0.1' as Ipv4;

/** Where mutants go: as somebody who is answered, or as one who is not known. */
interface Way {
  send(messages: readonly Uint8Array[]): Promise<number>;
  close(): void;
}

/** Sends `count` mutants to a real server through real sockets; throws where one does harm. Gives how many answers came. */
export async function fuzzSockets(count: number, seed: number): Promise<{ answers: number; sent: number }> {
  const server = createNameServer({
    ...{ zone: 'mesh.internal', ttl: 1, resolvConf: '/nowhere' },
    ...{ program: threadProgram('dns-thread'), log: createFakeLog() },
  });
  const tally = { answers: 0, sent: 0 };
  try {
    const ways = await openWays(server, tally);
    const random = createRandom(seed);
    const corpus = [...keptSeeds('dns'), ...fc.sample(dns.structured, { seed, numRuns: 100 })];
    const pick = () => corpus[random(corpus.length)]!;
    const began = performance.now();
    for (let batch = 0; tally.sent < count; batch += 1) {
      const messages = Array.from({ length: BATCH }, () => Buffer.from(mutate(pick(), pick(), random)));
      const way = batch % TCP_EVERY === 0 ? ways.stream : batch % 2 === 0 ? ways.known : ways.unknown;
      tally.sent += messages.length;
      const early = tally.sent / PER_MS - (performance.now() - began);
      if (early > 0) await sleep(early);
      if ((await way.send(messages)) > SLOW_MS) for (const message of messages) await retry(way, message);
    }
    for (const way of Object.values(ways)) way.close();
    insist((await server.report()).restarts === 0, 'the thread lives on');
  } finally {
    await server.close();
  }
  return tally;
}

async function retry(way: Way, message: Uint8Array): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && best > SLOW_MS; tries += 1)
    best = Math.min(best, await way.send([message]));
  const text = Buffer.from(message).toString('base64');
  insist(best <= SLOW_MS, `it took ${best.toFixed(1)} ms at best: ${text}`);
}

async function openWays(server: NameServer, tally: { answers: number }) {
  const addresses = Array.from({ length: 200 }, (_, index) => fromNumber(0x0a200001 + index));
  server.publish([
    { network: 'mesh', name: 'web', addresses },
    { network: 'mesh', name: 'db.prod', addresses: addresses.slice(0, 1) },
  ]);
  server.open();
  const place = { address: LOOPBACK, namespace: undefined, network: undefined };
  const known = { ...place, port: await freePort(), allowed: [{ address: LOOPBACK, prefix: 8 }] };
  const unknown = { ...place, port: await freePort(), allowed: [] };
  const listening = await server.listen([known, unknown]);
  if (!listening.ok) throw new Error(listening.problem.code);
  return {
    known: await openDatagrams(known.port, tally, Number.POSITIVE_INFINITY),
    unknown: await openDatagrams(unknown.port, tally, AMPLIFICATION),
    stream: openStreams(known.port, tally),
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, LOOPBACK);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

async function openDatagrams(port: number, tally: { answers: number }, most: number): Promise<Way> {
  const socket: Datagrams = createSocket('udp4');
  socket.connect(port, LOOPBACK);
  await once(socket, 'connect');
  const lengths = new Map<number, number>();
  let arrived = (): void => {};
  let harm: string | undefined;
  socket.on('message', bytes => {
    const id = bytes.readUInt16BE(0);
    if (id === SENTINEL) return arrived();
    tally.answers += 1;
    const asked = lengths.get(id);
    if (asked === undefined) harm = `an answer to nothing that was asked: ${bytes.toString('base64')}`;
    else if (bytes.length > most * asked) harm = `${bytes.length} bytes to a stranger for ${asked}`;
  });
  const sentinel = questionBytes('db.prod.mesh.internal', { id: SENTINEL });
  return {
    async send(messages) {
      lengths.clear();
      const began = performance.now();
      for (const [id, message] of messages.entries()) {
        const bytes = Buffer.from(message);
        if (bytes.length >= 2) bytes.writeUInt16BE(id, 0);
        lengths.set(id, bytes.length);
        socket.send(bytes);
      }
      await answered(resolve => {
        arrived = resolve;
        socket.send(sentinel);
      });
      insist(harm === undefined, harm ?? '');
      return performance.now() - began;
    },
    close: () => socket.close(),
  };
}

/** A message that gets no answer ends its connection: the next one has another. */
function openStreams(port: number, tally: { answers: number }): Way {
  const sentinel = framed(questionBytes('db.prod.mesh.internal', { id: SENTINEL }));
  const one = (message: Uint8Array): Promise<void> => {
    let socket: Socket | undefined;
    return answered(resolve => {
      const frames = new Frames();
      socket = connect(port, LOOPBACK, () => socket?.write(Buffer.concat([framed(message), sentinel])));
      socket.on('data', chunk => {
        for (const answer of frames.take(chunk)) {
          if (answer.readUInt16BE(0) === SENTINEL) resolve();
          else tally.answers += 1;
        }
      });
      socket.on('error', () => resolve());
      socket.on('close', () => resolve());
    }).finally(() => socket?.destroy());
  };
  return {
    async send(messages) {
      let longest = 0;
      for (const message of messages) {
        const began = performance.now();
        await one(message);
        longest = Math.max(longest, performance.now() - began);
      }
      return longest;
    },
    close: () => {},
  };
}

async function answered(begin: (resolve: () => void) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the server answers no more')), LOST_MS);
    begin(resolve);
  }).finally(() => clearTimeout(timer));
}
