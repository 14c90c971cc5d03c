import { describe, expect, it } from 'vitest';
import type { PeerId } from '../../../src/core/address.ts';
import { Allowance } from '../../../src/core/allowance.ts';
import type { Effect } from '../../../src/core/host/step.ts';
import type { Delta } from '../../../src/core/replica.ts';
import { encodeMessage, type Message } from '../../../src/core/wire.ts';
import { type createPeer, put } from '../../support/replicas.ts';
import { createVirtualMesh, type VirtualHost, type VirtualMesh } from '../../support/virtual-mesh.ts';

const CARRIER = 'peer-carrier' as PeerId;

/** A host with a neighbour that says what it is told to. */
function scene(): {
  mesh: VirtualMesh;
  host: VirtualHost;
  hear(message: Message | Uint8Array, now?: number): readonly Effect[];
  hangUps(effects: readonly Effect[]): readonly Effect[];
} {
  const mesh = createVirtualMesh({ seed: 1 });
  const host = mesh.add();
  mesh.deliver(host, { kind: 'peer-up', peer: CARRIER, address: '192.168.9.9:6783', outbound: false });
  return {
    mesh,
    host,
    hear: (message, now = mesh.now) => {
      const bytes = message instanceof Uint8Array ? message : encodeMessage(message);
      return host.host.step({ kind: 'message', from: CARRIER, bytes }, now);
    },
    hangUps: effects => effects.filter(({ kind }) => kind === 'hang-up'),
  };
}

const deltas = (...list: Delta[]): Message => ({ kind: 'deltas', deltas: list, reply: false });

/** Signed as the virtual mesh signs. */
function writer(mesh: VirtualMesh, name: string): ReturnType<typeof createPeer> {
  return mesh.writer(name as PeerId);
}

describe('an allowance', () => {
  it('is spent, comes back with time, and never exceeds the burst', () => {
    const allowance = new Allowance({ burst: 10, perSecond: 2 });
    expect(allowance.spend('a', 10, 0)).toBe(true);
    expect(allowance.spend('a', 1, 499)).toBe(false);
    expect(allowance.spend('a', 1, 500)).toBe(true);
    expect(allowance.spend('b', 10, 500)).toBe(true);
    expect(allowance.spend('a', 11, 1_000_000)).toBe(false);
    expect(allowance.spend('a', 10, 1_000_000)).toBe(true);
  });

  it('can be given back, and counts for each key alone, however many there are', () => {
    const allowance = new Allowance({ burst: 10, perSecond: 1 });
    allowance.spend('a', 10, 0);
    allowance.spend('a', -10, 0);
    expect(allowance.spend('a', 10, 0)).toBe(true);
    for (let key = 0; key < 40_000; key++) expect(allowance.spend(`${key}`, 10, key)).toBe(true);
  });
});

describe('a neighbour that breaks a rule', () => {
  it('is hung up on once, refused for longer each time, and not listened to any more', () => {
    const { mesh, host, hear, hangUps } = scene();
    // A digest that ends before it says whether it wants a reply.
    const garbage = Buffer.from([1, 1]);
    const times: number[] = [];
    for (let round = 0; round < 4; round++) {
      const first = hear(garbage);
      expect(first.some(({ kind }) => kind === 'withhold')).toBe(true);
      times.push(...hangUps(first).map(effect => (effect.kind === 'hang-up' ? effect.refuseMs : 0)));
      const { delta } = writer(mesh, 'peer-late').write([put('late', `${round}`)])!;
      expect(hangUps(hear(deltas(delta)))).toEqual([]);
      expect(host.host.facts.owners()).not.toContain('peer-late');
      mesh.deliver(host, { kind: 'peer-down', peer: CARRIER, reason: 'hung up' });
      mesh.deliver(host, { kind: 'peer-up', peer: CARRIER, address: '192.168.9.9:6783', outbound: false });
    }
    expect(times).toEqual([10_000, 20_000, 40_000, 80_000]);
  });

  it.each<[string, Message, number]>([
    ['messages that tell nothing', { kind: 'heartbeat', fingerprint: 1, boot: 'x' }, 5_000],
    ['questions', { kind: 'digest', heads: [], wantReply: false }, 100],
  ])('sends too many %s', (_, message, most) => {
    const { mesh, hear, hangUps } = scene();
    let heard = 0;
    while (hangUps(hear(message)).length === 0) heard += 1;
    expect(heard).toBe(most);
    expect(hangUps(hear(message, mesh.now + 60_000))).toEqual([]);
  });

  it('makes up facts in our name', () => {
    const { mesh, host, hear, hangUps } = scene();
    const { delta } = writer(mesh, 'peer-other').write([put('x', '1')])!;
    const ours = { ...delta.head, owner: host.peer, upto: 2 ** 40 };
    expect(
      hangUps(hear({ kind: 'digest', heads: [{ ...ours, through: 1, stage: undefined }], wantReply: true })),
    ).toHaveLength(1);
    expect(host.host.facts.ownSeq()).toBeLessThan(1_000);
  });
});

describe('an owner that has too much to say', () => {
  it('is left lying for a while, and whoever carries it is not to blame', () => {
    const { mesh, host, hear, hangUps } = scene();
    const owner = writer(mesh, 'peer-loud');
    const said: Effect[] = [];
    let taken = 0;
    for (let round = 0; round < 600; round++) {
      const { delta } = owner.write([put('x', `${round}`)])!;
      const effects = hear(deltas(delta));
      if (!effects.some(({ kind }) => kind === 'withhold')) taken += 1;
      said.push(...hangUps(effects));
    }
    expect(said).toEqual([]);
    expect(taken).toBe(400);
    hear(
      { ...deltas(...owner.missing(host.host.facts.digest(), 1_000_000)), reply: true } as Message,
      mesh.now + 5_000,
    );
    expect(host.host.facts.head('peer-loud' as PeerId)?.upto).toBe(600);
  });

  it('has more entries than allowed: its carrier is not to blame', () => {
    const { mesh, host, hear, hangUps } = scene();
    const owner = mesh.writer('peer-large' as PeerId, { live: 10_000 });
    const said: Effect[] = [];
    for (let round = 0; round < 5; round++) {
      const writes = Array.from({ length: 1_000 }, (_, index) => put(`${round} ${index}`, 'v'));
      said.push(...hangUps(hear(deltas(owner.write(writes)!.delta))));
    }
    expect(said).toEqual([]);
    expect(host.host.facts.ofOwner('peer-large' as PeerId).length).toBeLessThanOrEqual(4_096);
  });
});
