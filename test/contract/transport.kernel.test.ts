import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';
import type { Connection, Stream } from '@libp2p/interface';
import { afterEach, describe, expect, test } from 'vitest';
import type { Identity } from '../../src/adapters/libp2p/identity.ts';
import { createLibp2pTransport } from '../../src/adapters/libp2p/transport.ts';
import type { PeerId } from '../../src/core/address.ts';
import { describe as describeProblem } from '../../src/core/errors.ts';
import type { Transport, TransportEvent } from '../../src/ports/transport.ts';
import { createFakeLog, type FakeLog } from '../support/fake-log.ts';
import { createListeningRouter, type ListeningRouter } from '../support/listening-router.ts';
import { OWN_LOOPBACK } from '../support/own.ts';
import { createRawPeer, newIdentity, type RawPeer } from '../support/raw-peer.ts';
import { until } from '../support/until.ts';
import { type TransportSettings, transportContract } from './transport.contract.ts';

const run = promisify(execFile);
const identities = new Map<PeerId, Identity>();

function identity(accept?: (id: PeerId) => boolean): PeerId {
  const made = newIdentity(accept);
  identities.set(made.id, made);
  return made.id;
}

function open(settings: TransportSettings, log = createFakeLog()): Promise<Transport> {
  const [host, port] = settings.address.split(':');
  return createLibp2pTransport({
    identity: identities.get(settings.id)!,
    host,
    port: Number(port),
    advertise: settings.address,
    password: settings.password,
    trusted: settings.trusted ?? [],
    log,
  });
}

/** TCP connections of this machine between two of its addresses, whichever side dialled (proc_net_tcp(5): 01 is ESTABLISHED). */
async function connections(a: ListeningRouter, b: ListeningRouter): Promise<number> {
  const [one, other] = [a, b].map(({ address }) => hexOf(address.split(':')[0]!));
  const lines = (await readFile('/proc/net/tcp', 'utf8')).split('\n');
  return lines.filter(line => {
    const [, local, remote, state] = line.trim().split(/\s+/);
    return state === '01' && local?.startsWith(`${one}:`) && remote?.startsWith(`${other}:`);
  }).length;
}

/** As the kernel prints an address there: a number in the byte order of the host. */
function hexOf(address: string): string {
  return Buffer.from(address.split('.').reverse().map(Number)).toString('hex').toUpperCase();
}

transportContract('libp2p', { identity: () => identity(), open, connections });

describe('transport on TCP', () => {
  const closing: (() => Promise<unknown>)[] = [];
  /** The contract has those before. */
  let hosts = 130;

  afterEach(async () => {
    await Promise.all(closing.splice(0).map(close => close()));
  });

  function newAddress(): string {
    hosts += 1;
    return `${OWN_LOOPBACK}.${hosts}:6783`;
  }

  interface LoggedRouter extends ListeningRouter {
    readonly log: FakeLog;
  }

  async function router(settings: Partial<TransportSettings> = {}): Promise<LoggedRouter> {
    const address = settings.address ?? newAddress();
    const log = createFakeLog();
    const transport = await open({ id: identity(), ...settings, address }, log);
    closing.push(() => transport.stop());
    const listening = createListeningRouter(transport, address);
    expect(await listening.start()).toEqual({ ok: true, value: undefined });
    return { ...listening, log };
  }

  async function raw(id?: Identity): Promise<RawPeer> {
    const peer = await createRawPeer(newAddress(), id);
    closing.push(async () => peer.node.stop());
    return peer;
  }

  async function join(from: ListeningRouter, to: ListeningRouter): Promise<void> {
    const [here, there] = [from.of('peer-up').length, to.of('peer-up').length];
    from.transport.dial(to.address);
    await Promise.all([from.wait('peer-up', here + 1), to.wait('peer-up', there + 1)]);
  }

  /** A TCP server that answers each connection with `banner`, or not at all. */
  async function stranger(banner?: string): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer(socket => {
      sockets.add(socket.on('error', () => {}));
      if (banner !== undefined) socket.write(banner);
    });
    const host = newAddress().split(':')[0]!;
    await new Promise<void>(resolve => server.listen(0, host, resolve));
    closing.push(async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return `${host}:${(server.address() as AddressInfo).port}`;
  }

  /** Sends `bytes` there; resolves with the milliseconds until the other end closes. */
  function throwAt(address: string, bytes: Uint8Array): Promise<number> {
    const [host, port] = address.split(':');
    const began = performance.now();
    return new Promise(resolve => {
      const socket = connect(Number(port), host);
      socket.on('connect', () => socket.write(bytes));
      socket.on('error', () => {});
      socket.on('close', () => resolve(performance.now() - began));
      socket.resume();
    });
  }

  const givenUp = async (who: LoggedRouter, why: RegExp): Promise<FakeLog['lines'][number]> =>
    until(
      () => who.log.lines.find(({ data }) => why.test(JSON.stringify(data))),
      () => `a log line with ${why}; there were ${JSON.stringify(who.log.lines)}`,
    );

  test('a port in use and an address of another host are refused', async () => {
    const a = await router();
    const same = createListeningRouter(await open({ id: identity(), address: a.address }), a.address);
    expect(await same.start()).toEqual({
      ok: false,
      problem: { code: 'port-in-use', port: 6783, protocol: 'tcp' },
    });
    const foreign = createListeningRouter(await open({ id: identity(), address: '192.0.2.1:6783' }), 'x');
    expect(await foreign.start()).toEqual({
      ok: false,
      problem: { code: 'no-such-host-address', value: '192.0.2.1' },
    });
    await Promise.all([same.transport.stop(), foreign.transport.stop()]);
  });

  test('a name is resolved, and is the address that is told; one that nobody knows is told as such', async () => {
    const port = await freePort();
    const [a, b] = [await router(), await router({ address: `127.0.0.1:${port}` })];
    const address = `localhost:${port}`;
    a.transport.dial(address);
    expect(await a.wait('peer-up')).toMatchObject({ peer: b.id, address, outbound: true });
    a.transport.dial('nobody.invalid:6783');
    expect((await a.wait('dial-failed')).problem).toEqual({
      code: 'peer-unresolved',
      peer: 'nobody.invalid:6783',
    });
  });

  test('no route and no answer are told apart', async () => {
    const dialOnce = new URL('../support/dial-once.ts', import.meta.url).pathname;
    const inNamespace = async (setUp: string, address: string): Promise<unknown> => {
      const script = `${setUp} exec ${process.execPath} ${dialOnce} ${address}`;
      const { stdout } = await run('unshare', ['--net', 'sh', '-ec', script], { timeout: 60_000 });
      const { self: _, ...event } = JSON.parse(stdout) as TransportEvent & { self: PeerId };
      return event;
    };
    const address = '198.51.100.1:6783';
    expect(await inNamespace('', address)).toEqual({
      kind: 'dial-failed',
      address,
      problem: { code: 'peer-no-route', peer: address },
    });
    const deaf = `ip link set lo up; nft 'add table ip t; add chain ip t c { type filter hook input priority 0; policy drop; }';`;
    const there = '127.0.0.2:6783';
    expect(await inNamespace(deaf, there)).toEqual({
      kind: 'dial-failed',
      address: there,
      problem: { code: 'peer-timeout', peer: there },
    });
  });

  test('what is no router is told as such', async () => {
    const [talks, silent, a] = [await stranger('SSH-2.0-OpenSSH_10.0\r\n'), await stranger(), await router()];
    a.transport.dial(talks);
    a.transport.dial(silent);
    await a.wait('dial-failed', 2);
    const why = new Map(
      a.of('dial-failed').map(({ address, problem }) => [address, describeProblem(problem)]),
    );
    expect(why.get(talks)).toBe(`${talks} could not be joined: what answers there is not a mesh router`);
    expect(why.get(silent)).toMatch(/took the connection, but did not finish the handshake in time$/);
  });

  test('the listener, too, says who had another password, once a minute', async () => {
    const [a, b] = [await router({ password: 'one' }), await router({ password: 'two' })];
    for (let times = 1; times <= 3; times++) {
      a.transport.dial(b.address);
      await a.wait('dial-failed', times);
    }
    const said = await until(
      () => {
        const warnings = b.log.lines.filter(({ level }) => level === 'warn');
        return warnings.length > 0 ? warnings : undefined;
      },
      () => 'the listener says something',
    );
    expect(said).toHaveLength(1);
    expect(said[0]?.message).toMatch(/password/);
    expect(JSON.stringify(said[0]?.data)).toContain(a.address.split(':')[0]);
    expect(JSON.stringify([a.log.lines, b.log.lines])).not.toMatch(/"(one|two)"/);
  });

  test('garbage costs one connection and nothing else', async () => {
    const [a, b] = [await router(), await router()];
    await join(a, b);
    const greeting = Buffer.concat([Buffer.from('mesh/1\r\n'), Buffer.alloc(32, 7)]);
    const closed = await Promise.all([
      throwAt(b.address, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
      throwAt(b.address, Buffer.alloc(1024 * 1024, 0xff)),
      throwAt(b.address, greeting),
      throwAt(b.address, greeting.subarray(0, 20)),
      throwAt(b.address, new Uint8Array(0)),
      ...Array.from({ length: 50 }, (_, index) => throwAt(b.address, randomBytes(1 + index * 20))),
    ]);
    expect(Math.max(...closed)).toBeLessThan(30_000);
    a.transport.broadcast(Buffer.from('still here'));
    await b.wait('message');
    const c = await router();
    await join(c, b);
    expect(b.events.map(({ kind }) => kind)).toEqual(['peer-up', 'message', 'peer-up']);
    expect(b.log.lines.length).toBeLessThanOrEqual(2);
  });

  /** The raw peer of the two has the lower id, so that it opens the sync stream. */
  async function intruder(
    victim: LoggedRouter,
  ): Promise<{ connection: Connection; sync: Stream; peer: RawPeer }> {
    const peer = await raw(newIdentity(id => id < victim.id));
    const connection = await peer.dial(victim.address);
    return { connection, peer, sync: await connection.newStream('/mesh/sync/1.0.0') };
  }

  const closed = (connection: Connection): Promise<boolean> =>
    until(
      () => connection.status !== 'open' || undefined,
      () => 'the victim closes the connection',
    );

  test('a message over the limit costs its sender the connection', async () => {
    const [victim, friend] = [await router(), await router()];
    await join(friend, victim);
    const { connection, sync, peer } = await intruder(victim);
    sync.send(Buffer.from([0x00, 0x40, 0x00, 0x01]));
    await closed(connection);
    expect(await givenUp(victim, /more than 4194304 bytes/)).toMatchObject({
      data: { peer: peer.id, total: 1 },
    });
    friend.transport.send(victim.id, Buffer.from('unharmed'));
    await victim.wait('message');
    expect(victim.of('peer-up')).toHaveLength(1);
  });

  test('what comes before a peer is up is kept, to a limit', async () => {
    const victim = await router();
    const { connection, sync } = await intruder(victim);
    const frame = Buffer.alloc(4 + 1024 * 1024);
    frame.writeUInt32BE(1024 * 1024);
    for (let count = 0; count < 17; count++) sync.send(frame);
    await closed(connection);
    await givenUp(victim, /too much before it was ready/);
    expect(victim.events).toEqual([]);
  });

  test('a sync stream out of turn costs the connection', async () => {
    const victim = await router();
    const peer = await raw(newIdentity(id => id > victim.id));
    const connection = await peer.dial(victim.address);
    await until(
      () => peer.accepted[0],
      () => 'the victim opens its stream',
    );
    await Promise.allSettled([connection.newStream('/mesh/sync/1.0.0')]);
    await closed(connection);
    await givenUp(victim, /out of turn/);
  });

  test('a peer that takes no part in gossip is hung up', async () => {
    const victim = await router();
    const peer = await raw();
    victim.transport.dial(
      peer.node
        .getMultiaddrs()[0]!
        .toString()
        .replace(/.*ip4.(.*).tcp.(\d+).*/, '$1:$2'),
    );
    const { problem } = await victim.wait('dial-failed');
    expect(describeProblem(problem)).toMatch(/it was not ready within 10 s$/);
    await givenUp(victim, /not ready within 10 s/);
    expect(victim.of('peer-up')).toEqual([]);
  });

  test('gossip with more subscriptions than any router has is refused as a whole, and what comes after is not', async () => {
    const victim = await router();
    const { connection, sync } = await intruder(victim);
    const answers: Buffer[] = [];
    sync.addEventListener('message', ({ data }) => void answers.push(Buffer.from(data.subarray())));
    const gossip = await connection.newStream('/meshsub/1.2.0');
    const empty = Buffer.from([0x0a, 0x02, 0x08, 0x01]);
    gossip.send(rpc(subscription, ...Array.from({ length: 16 }, () => empty)));
    // Larger than this, it would be refused for its size: 60,000 subscriptions.
    for (let count = 0; count < 20; count++) {
      gossip.send(rpc(subscription, ...Array.from({ length: 60_000 }, () => empty)));
    }
    // More than a window of them: what has left here, all but the last has been read there.
    await until(
      () => gossip.writeBufferLength === 0 || undefined,
      () => 'the end of what was sent',
    );
    expect(answers).toEqual([]);

    gossip.send(rpc(subscription));
    await until(
      () => answers[0],
      () => 'the answer to a proper subscription',
    );
    expect(victim.events).toEqual([]);
  });

  test('a gossip message over the limit costs its sender the connection', async () => {
    const [victim, friend] = [await router(), await router()];
    await join(friend, victim);
    const { connection, peer, sync } = await intruder(victim);
    peer.node.services.gossip.subscribe('mesh/1');
    await peer.node.services.identify.identify(connection);
    await until(
      () => peer.node.services.gossip.getSubscribers('mesh/1')[0],
      () => "the victim's subscription",
    );
    sync.send(Buffer.alloc(4));
    await victim.wait('peer-up', 2);
    const gossip = await connection.newStream('/meshsub/1.2.0');
    gossip.send(Buffer.concat([varint(256 * 1024 + 1), Buffer.alloc(256 * 1024 + 1)]));
    expect(await victim.wait('peer-down')).toMatchObject({ peer: peer.id });
    await closed(connection);
    friend.transport.broadcast(Buffer.from('unharmed'));
    await victim.wait('message');
  });

  test('a peer that stands still is given up, one that only has nothing to say is not', async () => {
    const [victim, friend] = [await router(), await router()];
    await join(friend, victim);
    const still = await slowPeer(victim.address);
    await victim.wait('peer-up', 2);
    still.stop();
    const { reason } = await until(
      () => victim.of('peer-down')[0],
      () => 'the end of the one that stands still',
      30_000,
    );
    still.kill();
    expect(reason).toBe('it gave no sign of life');
    expect(friend.events.map(({ kind }) => kind)).toEqual(['peer-up']);
  });

  test('a peer that does not read costs 16 MiB at most, then its connection', async () => {
    const [a, b] = [await router(), await router()];
    await join(a, b);
    // Its process stands still; its kernel takes what the windows allow.
    const slow = await slowPeer(b.address);
    await b.wait('peer-up', 2);
    slow.stop();
    const before = process.memoryUsage().rss;
    const message = Buffer.alloc(1024 * 1024);
    for (let count = 0; count < 64 && b.of('peer-down').length === 0; count++) {
      b.transport.send(slow.id, message);
      await new Promise(setImmediate);
    }
    expect((await b.wait('peer-down')).reason).toMatch(/too slow: 16 MiB wait/);
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
    slow.kill();
    a.transport.broadcast(Buffer.from('unharmed'));
    await b.wait('message');
  });

  test('one that comes back on a new connection replaces what is left of the old one', async () => {
    for (const lower of [true, false]) {
      const a = await router();
      const id = identity(other => other < a.id === lower);
      const first = await router({ id });
      await join(first, a);
      // It shares the identity: to `a`, the same peer, that has lost its connection and dials anew.
      const second = await router({ id });
      for (let tries = 1; second.of('peer-up').length === 0; tries++) {
        second.transport.dial(a.address);
        await until(
          () => second.of('dial-failed').length + second.of('peer-up').length >= tries || undefined,
          () => `an answer to dial ${tries}`,
        );
      }
      await a.wait('peer-up', 2);
      expect(a.events.map(({ kind }) => kind)).toEqual(['peer-up', 'peer-down', 'peer-up']);
      a.transport.send(id, Buffer.from('to the new one'));
      await second.wait('message');
      expect(first.of('message')).toEqual([]);
      await first.wait('peer-down');
      expect(first.of('peer-down')).toHaveLength(1);
    }
  });
});

/** A TCP port of 127.0.0.1 that nobody had a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A gossipsub RPC with its length before it (protobuf: 1 subscriptions). */
function rpc(...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([varint(body.length), body]);
}

/** Subscribes (1) to `mesh/1` (2). */
const subscription = field(1, Buffer.from([0x08, 0x01]), field(2, Buffer.from('mesh/1')));

/** A field of bytes. */
function field(number: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(body.length), body]);
}

/** Base-128, the lower bits first (protobuf). */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) return Buffer.from(bytes);
  }
}

/** A router of its own process, that dials `address` and can be made to stand still. */
async function slowPeer(address: string): Promise<{ id: PeerId; stop(): void; kill(): void }> {
  const script = new URL('../support/dial-once.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, address, 'stay'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { self } = JSON.parse(line.toString()) as { self: PeerId };
  return { id: self, stop: () => void child.kill('SIGSTOP'), kill: () => void child.kill('SIGKILL') };
}
