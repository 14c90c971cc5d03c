import { describe, expect, it } from 'vitest';
import type { Ipv4, Mac, PeerId } from '../../../src/core/address.ts';
import type { Effect, Input } from '../../../src/core/host/step.ts';
import { encodeHost, HOST_KEY, TOPOLOGY } from '../../../src/core/topology/facts.ts';
import { decodeMessage, encodeMessage } from '../../../src/core/wire.ts';
import { createVirtualMesh } from '../../support/virtual-mesh.ts';

/** Many routers that start at once must not take the time from one another. */

const CARRIER = 'peer-carrier' as PeerId;
const STRANGERS = 20;
const addressOf = (index: number): string => `192.168.9.${index}:6783`;
const nameOf = (index: number): PeerId => `z-stranger-${String(index).padStart(2, '0')}` as PeerId;

type Step = (input: Input, after?: number) => readonly Effect[];

/** A host with one neighbour, and a clock of its own. */
function scene() {
  const mesh = createVirtualMesh({ seed: 1 });
  const { host } = mesh.add();
  mesh.run(5_000);
  let now = mesh.now;
  return {
    host,
    mesh,
    step: ((input, after = 0) => {
      now += after;
      return host.step(input, now);
    }) as Step,
  };
}

/** What a neighbour tells of many hosts that it knows. */
function tellStrangers({ mesh, step }: ReturnType<typeof scene>): readonly Effect[] {
  step({ kind: 'peer-up', peer: CARRIER, address: addressOf(200), outbound: false });
  const deltas = Array.from({ length: STRANGERS }, (_, index) => {
    const value = encodeHost({
      ...{ name: `02:00:00:00:00:${String(index + 10)}` as Mac, nickname: nameOf(index), version: '0.1.0' },
      ...{ addresses: [addressOf(index)], vtep: { address: `192.168.9.${index}` as Ipv4, port: 6784 } },
      ...{ control: `169.254.0.${index}` as Ipv4, boot: 'b' },
    });
    return mesh.writer(nameOf(index)).write([{ domain: TOPOLOGY, key: HOST_KEY, value }])!.delta;
  });
  const bytes = encodeMessage({ kind: 'deltas', deltas, reply: true });
  return [...step({ kind: 'message', from: CARRIER, bytes }), ...step({ kind: 'tick' }, 20)];
}

const dialled = (effects: readonly Effect[]): readonly string[] =>
  effects.flatMap(effect => (effect.kind === 'connect' ? [effect.address] : []));

describe('a host that hears of many others at once', () => {
  it('dials a few at a time, the next as soon as one has answered or failed, and all of them in the end', () => {
    const stage = scene();
    const { step } = stage;
    const open = [...dialled(tellStrangers(stage))];
    const met = new Set(open);
    expect(open.length).toBeGreaterThan(0);
    for (let round = 0; round < 2 * STRANGERS && open.length > 0; round++) {
      expect(open.length).toBeLessThanOrEqual(4);
      const address = open.shift()!;
      const index = [...Array(STRANGERS).keys()].find(number => addressOf(number) === address)!;
      if (round % 2 === 0) step({ kind: 'peer-up', peer: nameOf(index), address, outbound: true });
      else step({ kind: 'dial-failed', address, problem: { code: 'peer-timeout', peer: address } });
      for (const next of dialled(step({ kind: 'tick' }))) {
        open.push(next);
        met.add(next);
      }
    }
    expect(met.size).toBe(STRANGERS);
  });

  it('tells of its connections together, and the more seldom the more there are', () => {
    const stage = scene();
    const { step } = stage;
    tellStrangers(stage);
    step({ kind: 'tick' }, 5_000);
    let told = 0;
    for (let index = 0; index < STRANGERS; index++) {
      step({ kind: 'peer-up', peer: nameOf(index), address: addressOf(index), outbound: false });
      const effects = step({ kind: 'tick' }, 500);
      told += effects.filter(({ kind }) => kind === 'broadcast').length;
    }
    expect(told).toBeGreaterThan(1);
    expect(told).toBeLessThanOrEqual((STRANGERS * 500) / 3_000 + 1);
  });

  it('asks one of those that hold something else, not all of them', () => {
    const { step } = scene();
    const peers = Array.from({ length: STRANGERS }, (_, index) => nameOf(index));
    for (const [index, peer] of peers.entries())
      step({ kind: 'peer-up', peer, address: addressOf(index), outbound: false });
    step({ kind: 'tick' }, 3_000);
    const bytes = encodeMessage({ kind: 'heartbeat', fingerprint: 7, boot: 'b' });
    const asked: PeerId[] = [];
    for (let beat = 0; beat < 3; beat++) {
      for (const from of peers) {
        for (const effect of step({ kind: 'message', from, bytes }, 1_000 / STRANGERS)) {
          if (effect.kind === 'send' && decodeMessage(effect.bytes)?.kind === 'digest') asked.push(effect.to);
        }
      }
    }
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.length).toBeLessThanOrEqual(5);
    expect(new Set(asked).size).toBeGreaterThan(1);
  });
});

describe('a host that has nobody', () => {
  it('goes on dialling its target every few seconds', () => {
    const mesh = createVirtualMesh({ seed: 2 });
    const absent = { address: addressOf(1) } as ReturnType<typeof mesh.add>;
    const { host } = mesh.add([absent]);
    const times: number[] = [];
    for (let now = mesh.now; now < 60_000; now += 100) {
      for (const address of dialled(host.step({ kind: 'tick' }, now))) {
        times.push(now);
        host.step({ kind: 'dial-failed', address, problem: { code: 'peer-timeout', peer: address } }, now);
      }
    }
    const waits = times.slice(1).map((time, index) => time - times[index]!);
    expect(waits.length).toBeGreaterThan(8);
    expect(Math.max(...waits)).toBeLessThanOrEqual(6_000);
  });
});
