import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import koffi from 'koffi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatagrams } from '../../../../../src/adapters/linux/sleeve/datagrams.ts';
import {
  FORGED,
  type Moved,
  STRANGERS,
  type ThreadPeer,
} from '../../../../../src/adapters/linux/sleeve/peers.ts';
import { SleeveThreads } from '../../../../../src/adapters/linux/sleeve/threads.ts';
import { socketAddress } from '../../../../../src/adapters/linux/socket-setup.ts';
import type { Ipv4, Vtep } from '../../../../../src/core/address.ts';
import { threadProgram } from '../../../../../src/daemon/threads.ts';
import { createFakeLog } from '../../../../support/fake-log.ts';
import { until } from '../../../../support/until.ts';

/** The two threads of a host, on loopback: sockets stand for the device, and another one for the underlay between two hosts. */

const LOOPBACK = '127.0.0.1' as Ipv4;
const A = 0xf0000001;
const B = 0xf0000002;
const TO_B = 0xf0400002;
const KEY = Buffer.alloc(32, 3);
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const library = koffi.load(null);
const connect = library.func('int connect(int, const uint8_t *, uint32_t)');
const fcntl = library.func('int fcntl(int, int, int)');

const at = (port: number): Vtep => ({ address: LOOPBACK, port });

async function listening(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  return socket;
}

/** What the kernel would send from one host's VXLAN device to another's: a virtio header, Ethernet, IPv4, then `size` bytes. */
function frame(size: number, from = A, to = TO_B): Buffer {
  const bytes = Buffer.alloc(24 + 14 + 20 + size, 0x5a);
  bytes.writeUInt16BE(0x0800, 24 + 12);
  bytes.writeUInt32BE(from, 24 + 14 + 12);
  bytes.writeUInt32BE(to, 24 + 14 + 16);
  return bytes;
}

/** A descriptor whose reads and writes are datagrams from and to `port`, as a device's are frames. */
function device(own: number, port: number): number {
  const fd = openDatagrams(at(own));
  const isDevice = connect(fd, socketAddress(at(port)), 16) === 0 && fcntl(fd, F_SETFL, O_NONBLOCK) === 0;
  if (!isDevice) throw new Error('no device');
  return fd;
}

describe('frames through two routers', () => {
  const closing: (() => unknown)[] = [];
  let sent: Buffer[];
  let arrived: Buffer[];
  let kernelA: Socket;
  let wire: Socket;
  let counts: Int32Array;
  let portA: number;
  let portB: number;
  let tapA: number;
  let threads: SleeveThreads[];
  let isOpen: boolean;
  let moved: Moved[];

  beforeEach(async () => {
    const [outsideA, outsideB] = [await listening(), await listening()];
    kernelA = outsideA;
    wire = await listening();
    sent = [];
    isOpen = true;
    moved = [];
    arrived = [];
    outsideB.on('message', bytes => arrived.push(bytes));
    wire.on('message', bytes => {
      sent.push(bytes);
      if (isOpen) wire.send(bytes, portB, LOOPBACK);
    });
    const ports: number[] = [];
    for (let index = 0; index < 4; index += 1) {
      const socket = await listening();
      ports.push(socket.address().port);
      await new Promise<void>(resolve => {
        socket.close(() => resolve());
      });
    }
    const [deviceA = 0, deviceB = 0] = ports;
    [portA, portB] = [ports[2]!, ports[3]!];
    tapA = deviceA;
    const shared = new SharedArrayBuffer(8);
    counts = new Int32Array(shared);
    const peer = (tunnel: number, endpoint: number): ThreadPeer => ({
      ...{ tunnel, destination: TO_B, session: 7, key: KEY, chunk: 1_000 },
      endpoint: socketAddress(at(endpoint)),
    });
    const start = (tap: number, udp: number, own: number, other: ThreadPeer): SleeveThreads =>
      new SleeveThreads(
        {
          ...{ program: threadProgram('sleeve-thread'), log: createFakeLog(), tap, udp, counts: shared },
          moved: told => moved.push(told),
        },
        { own, peersFor: () => [other] },
      );
    const through = wire.address().port;
    threads = [
      start(device(deviceA, kernelA.address().port), openDatagrams(at(portA)), A, peer(B, through)),
      start(device(deviceB, outsideB.address().port), openDatagrams(at(portB)), B, peer(A, through)),
    ];
    closing.push(
      () => kernelA.close(),
      () => outsideB.close(),
      () => wire.close(),
    );
  });
  afterEach(async () => {
    await Promise.all(threads.map(each => each.stop()));
    for (const close of closing.splice(0)) close();
  });

  const give = (bytes: Buffer): void => kernelA.send(bytes, tapA, LOOPBACK);
  const come = (count: number): Promise<true> =>
    until(
      async () => arrived.length >= count || undefined,
      () => `${count} frames arrive; there are ${arrived.length}`,
      5_000,
    );
  const counted = (which: number, count: number): Promise<true> =>
    until(
      async () => counts[which] === count || undefined,
      () => `${count} counted; there are ${counts[which]}`,
      5_000,
    );

  it('arrive as the kernel gave them, small and large, and nothing of them is on the wire', async () => {
    for (const [index, size] of [1, 800, 5_000, 60_000].entries()) {
      give(frame(size));
      await come(index + 1);
      expect(arrived[index]).toEqual(frame(size));
    }
    expect(Math.max(...sent.map(({ length }) => length))).toBeLessThanOrEqual(1_000);
    expect(sent.some(bytes => bytes.includes('ZZZZZZZZ'))).toBe(false);
  });

  it('are taken from the peer alone, and once', async () => {
    give(frame(100));
    await come(1);
    const [bytes] = sent as [Buffer];
    wire.send(Buffer.from('nonsense'), portB, LOOPBACK);
    await counted(STRANGERS, 1);
    const later = Buffer.from(bytes);
    later.writeUInt32BE(8, 12);
    wire.send(later, portB, LOOPBACK);
    await counted(STRANGERS, 2);
    // By its number it would be the next; what is in it is not what was sealed.
    const changed = Buffer.from(bytes);
    changed.writeUInt32BE(99, 20);
    changed[80]! ^= 1;
    wire.send(bytes, portB, LOOPBACK);
    await counted(FORGED, 1);
    wire.send(changed, portB, LOOPBACK);
    await counted(FORGED, 2);
    give(frame(200));
    await come(2);
    expect(arrived).toEqual([frame(100), frame(200)]);
  });

  it('come from elsewhere where a peer has moved', async () => {
    isOpen = false;
    give(frame(100));
    await until(
      async () => sent[0],
      () => 'it is sent',
    );
    const elsewhere = await listening();
    closing.push(() => elsewhere.close());
    elsewhere.send(sent[0]!, portB, LOOPBACK);
    await come(1);
    await until(
      async () => moved.length > 0 || undefined,
      () => 'it is told',
    );
    expect(moved).toEqual([{ tunnel: A, endpoint: socketAddress(at(elsewhere.address().port)) }]);
  });

  it('bear the name of the peer that sent them, or are dropped', async () => {
    give(frame(100, B));
    await counted(FORGED, 1);
    give(frame(100));
    await come(1);
    expect(arrived).toEqual([frame(100)]);
  });

  it('for nobody that is known go nowhere', async () => {
    give(frame(100, A, 0xf0400009));
    give(frame(7));
    await come(1);
    expect(arrived).toEqual([frame(7)]);
  });
});
