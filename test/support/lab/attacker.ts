/**
 * A program that does what no router does, from a host of a lab. usage: attacker.ts ATTACK HOST:PORT
 * Ends by itself; prints a line when it is through.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createVerifier } from '../../../src/adapters/libp2p/identity.ts';
import { createLibp2pTransport } from '../../../src/adapters/libp2p/transport.ts';
import type { PeerId } from '../../../src/core/address.ts';
import { createReplica, type Delta } from '../../../src/core/replica.ts';
import { encodeMessage, type Message } from '../../../src/core/wire.ts';
import { hash } from '../../../src/daemon/identity.ts';
import { createFakeLog } from '../fake-log.ts';
import { createRawPeer, newIdentity } from '../raw-peer.ts';
import { subscriptions } from '../rpc.ts';

const [attack = '', victim = ''] = process.argv.slice(2);
const [host = '', port = ''] = victim.split(':');
const CONNECTIONS = 2_000;
/** Many bytes take time to carry. */
const MOST_MS = attack === 'many bytes' ? 45_000 : 15_000;
const identity = newIdentity();

/** Writes facts as anybody may whose key it has; a new owner each time. */
function owner(who = newIdentity()): ReturnType<typeof createReplica> {
  const { id, sign } = who;
  return createReplica({
    self: id,
    crypto: { hash, sign, verify: createVerifier() },
    limits: { live: 20_000 },
  });
}

const write = (by: ReturnType<typeof createReplica>, key: string, count = 1): Delta =>
  by.write(
    Array.from({ length: count }, (_, index) => ({
      ...{ domain: 'test', key: `${key} ${index}`, value: randomBytes(64) },
    })),
  )!.delta;

const deltas = (...list: readonly Delta[]): Message => ({ kind: 'deltas', deltas: list, reply: false });
const one = write(owner(), 'x', 2);
const unsigned = { ...one, entries: one.entries.map(entry => ({ ...entry, signature: new Uint8Array(64) })) };
const altered = { ...one, entries: one.entries.map(entry => ({ ...entry, value: new Uint8Array(3) })) };
const loud = owner();
const large = Buffer.alloc(1024 * 1024, 99);

/** What a member says, again and again, until it is hung up on. */
const MEMBERS: Readonly<Record<string, (round: number) => Uint8Array>> = {
  'no message': () => Buffer.from([1, 1]),
  unsigned: () => encodeMessage(deltas(unsigned)),
  altered: () => encodeMessage(deltas(altered)),
  'written as someone else': () =>
    encodeMessage(deltas({ ...one, head: { ...one.head, owner: newIdentity().id } })),
  'many messages': () => encodeMessage({ kind: 'heartbeat', fingerprint: 7, boot: 'x' }),
  replayed: () => encodeMessage(deltas(one)),
  'many questions': () => encodeMessage({ kind: 'digest', heads: [], wantReply: true }),
  // Of a later version, which is read over.
  'many bytes': () => large,
  'much news': round => encodeMessage(deltas(write(loud, `${round % 50}`))),
};

async function speak(say: (round: number) => Uint8Array): Promise<void> {
  const log = createFakeLog();
  const transport = await createLibp2pTransport({
    ...{ identity, port: 6783, host: undefined, advertise: '192.168.48.14:6783' },
    ...{ password: undefined, trusted: [], log },
  });
  let up = Promise.withResolvers<PeerId | undefined>();
  let over = false;
  let pauseMs = 60;
  await transport.start(event => {
    if (event.kind === 'peer-up') up.resolve(event.peer);
    if (event.kind === 'dial-failed') up.resolve(undefined);
    if (event.kind !== 'peer-down') return;
    // Faster than this machine can carry it, it is our own transport that gives up.
    over = !/too slow/.test(event.reason);
    pauseMs *= 2;
    up = Promise.withResolvers();
    if (!over) transport.dial(victim);
  });
  transport.dial(victim);
  const end = performance.now() + MOST_MS;
  for (let round = 0; !over && performance.now() < end; round++) {
    const bytes = say(round);
    const peer = await up.promise;
    if (peer === undefined) break;
    transport.send(peer, bytes);
    if (bytes.length === large.length) await sleep(pauseMs);
    else if (round % 16 === 0) await new Promise(setImmediate);
  }
  await transport.stop();
}

/** One after the other is opened, and left with a few wrong bytes; at the end all are closed. */
async function crowd(): Promise<void> {
  const sockets: Socket[] = [];
  for (let count = 0; count < CONNECTIONS; count++) {
    const socket = connect(Number(port), host).on('error', () => {});
    socket.on('connect', () => socket.write(randomBytes(count % 64)));
    sockets.push(socket);
    if (count % 50 === 0) await sleep(10);
  }
  await sleep(2_000);
  for (const socket of sockets) socket.destroy();
}

/** Gossip of one RPC with 349,525 subscriptions, each to a topic of its own. */
async function subscribe(): Promise<void> {
  const peer = await createRawPeer('192.168.48.14:6783', identity);
  const connection = await peer.dial(victim);
  const gossip = await connection.newStream('/meshsub/1.2.0');
  gossip.send(subscriptions(349_525));
  for (const end = performance.now() + MOST_MS; connection.status === 'open' && performance.now() < end; )
    await sleep(50);
  await peer.node.stop();
}

const member = MEMBERS[attack];
if (member !== undefined) await speak(member);
else if (attack === 'many connections') await crowd();
else if (attack === 'many subscriptions') await subscribe();
else throw new Error(`no attack "${attack}"`);
console.log('through');
process.exit(0);
