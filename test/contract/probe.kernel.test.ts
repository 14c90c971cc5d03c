import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checksum } from '../../src/adapters/linux/echo.ts';
import type { Prober } from '../../src/adapters/linux/parts.ts';
import { createProber } from '../../src/adapters/linux/probe.ts';
import type { Ipv4 } from '../../src/core/address.ts';
import { makeNamespace, openWire, type TestNamespace, type Wire } from '../support/frames.ts';
import { until } from '../support/until.ts';

const NEAR = '10.79.0.1' as Ipv4;
const FAR = '10.79.0.2' as Ipv4;
const NOBODY = '10.79.0.3' as Ipv4;
const ELSEWHERE = '10.80.0.1' as Ipv4;
const MTU = 1450;
const DEAD = { alive: false, rttMs: 0 };

let near: TestNamespace;
let far: TestNamespace;
let prober: Prober;
const wires: Wire[] = [];

beforeEach(() => {
  near = makeNamespace('near');
  far = makeNamespace('far');
  near.run(`ip link add eth0 mtu ${MTU} type veth peer name eth0 mtu ${MTU} netns ${far.name}
    ip address add ${NEAR}/24 dev eth0
    ip link set eth0 up`);
  far.run(`ip address add ${FAR}/24 dev eth0; ip link set eth0 up`);
  prober = createProber(near.inside, { inHost: near.inside, local: NEAR });
});

afterEach(() => {
  prober.close();
  for (const wire of wires.splice(0)) wire.close();
  near.remove();
  far.remove();
});

describe('a prober', () => {
  it('finds a kernel that answers, and how long that took', async () => {
    const before = performance.now();
    const probe = await prober.probe(FAR, 100);
    expect(probe.alive).toBe(true);
    expect(probe.rttMs).toBeGreaterThan(0);
    expect(probe.rttMs).toBeLessThanOrEqual(performance.now() - before);
  });

  it('tells to the byte what the device takes', async () => {
    expect(await prober.probe(FAR, MTU)).toMatchObject({ alive: true });
    expect(await inOrder({ slow: prober.probe(NOBODY, 100), large: prober.probe(FAR, MTU + 1) })).toEqual([
      ['large', DEAD],
      ['slow', DEAD],
    ]);
    for (const size of [0, 36, 37]) expect(await prober.probe(FAR, size)).toMatchObject({ alive: true });
  });

  it('sends in one piece: what is too large further on is not answered', async () => {
    far.run('ip link set eth0 mtu 1300');
    const [large, small] = await Promise.all([prober.probe(FAR, 1400), prober.probe(FAR, 1300)]);
    expect(large).toEqual(DEAD);
    expect(small).toMatchObject({ alive: true });
  });

  it('gives up where nobody is, and at once where no way leads', async () => {
    const before = performance.now();
    expect(
      await inOrder({ nobody: prober.probe(NOBODY, 100), nowhere: prober.probe(ELSEWHERE, 100) }),
    ).toEqual([
      ['nowhere', DEAD],
      ['nobody', DEAD],
    ]);
    expect(performance.now() - before).toBeGreaterThan(900);
  });

  it('keeps many probes apart', async () => {
    const ask = (round: number): Promise<{ alive: boolean }> =>
      prober.probe(round % 5 ? FAR : NOBODY, 64 + round);
    // Else the kernel drops what waits for the first answer to ARP.
    await prober.probe(FAR, 64);
    const answers = await Promise.all(Array.from({ length: 500 }, (_, round) => ask(round)));
    expect(answers.map(answer => answer.alive)).toEqual(answers.map((_, round) => round % 5 !== 0));
  });

  it('believes only the answer to its own question', async () => {
    ignoreEchoes(true);
    const wire = openWire(far, 'eth0');
    wires.push(wire);
    let settled = false;
    const probing = prober.probe(FAR, 100).then(probe => {
      settled = true;
      return probe;
    });
    const isEcho = (frame: Buffer): boolean =>
      frame.readUInt16BE(12) === 0x0800 && frame[23] === 1 && frame[34] === 8;
    const request = await until(
      () => wire.caught().find(isEcho),
      () => 'the request arrives',
    );
    for (const wrong of [
      replyTo(request, reply => reply.writeUInt16BE(reply.readUInt16BE(38) ^ 1, 38)),
      replyTo(request, reply => reply.writeUInt16BE(reply.readUInt16BE(40) ^ 1, 40)),
      replyTo(request, reply => reply.writeUInt8(reply.readUInt8(49) ^ 1, 49)),
      replyTo(request, reply => reply.writeUInt8(7, 29)),
      replyTo(request, () => undefined).subarray(0, 14 + 60),
      replyTo(request, reply => reply.writeUInt8(3, 34)),
    ]) {
      wire.send(withLength(wrong));
    }
    // Frames keep their order: when the answer to a later probe is back, the forged ones have been read.
    ignoreEchoes(false);
    expect(await prober.probe(FAR, 100)).toMatchObject({ alive: true });
    expect(settled).toBe(false);
    wire.send(replyTo(request, () => undefined));
    expect(await probing).toMatchObject({ alive: true });
  });

  it('counts what arrived while this process was busy beyond the deadline', async () => {
    const probing = prober.probe(FAR, 100);
    const end = performance.now() + 1100;
    while (performance.now() < end);
    expect(await probing).toMatchObject({ alive: true });
  });

  it('settles what is under way when it is closed, and all that is asked later', async () => {
    const probing = [prober.probe(NOBODY, 100), prober.probe(NOBODY, 200)];
    prober.close();
    prober.close();
    expect(await Promise.all(probing)).toEqual([DEAD, DEAD]);
    expect(await prober.probe(FAR, 100)).toEqual(DEAD);
  });
});

/** Without a process of its own, which might take as long as a probe has. */
function ignoreEchoes(ignore: boolean): void {
  far.inside(() => writeFileSync('/proc/sys/net/ipv4/icmp_echo_ignore_all', ignore ? '1' : '0'));
}

/** Names and results in the order in which they come. */
async function inOrder<Value>(
  promises: Readonly<Record<string, Promise<Value>>>,
): Promise<[string, Value][]> {
  const order: [string, Value][] = [];
  const waits = Object.entries(promises).map(
    async ([name, promise]) => void order.push([name, await promise]),
  );
  await Promise.all(waits);
  return order;
}

/** The answer to an echo request in an Ethernet frame, altered by `alter` before its checksums are made. */
function replyTo(request: Buffer, alter: (reply: Buffer) => void): Buffer {
  const reply = Buffer.from(request);
  request.copy(reply, 0, 6, 12);
  request.copy(reply, 6, 0, 6);
  request.copy(reply, 26, 30, 34);
  request.copy(reply, 30, 26, 30);
  reply[34] = 0;
  alter(reply);
  return withLength(reply);
}

/** Makes the length and checksums of the IP packet in a frame right. */
function withLength(frame: Buffer): Buffer {
  frame.writeUInt16BE(frame.length - 14, 16);
  frame.writeUInt16BE(0, 24);
  frame.writeUInt16BE(checksum(frame.subarray(14, 34)), 24);
  frame.writeUInt16BE(0, 36);
  frame.writeUInt16BE(checksum(frame.subarray(34)), 36);
  return frame;
}
