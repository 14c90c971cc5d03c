import { describe, expect, it } from 'vitest';
import type { Ipv4, Mac, PeerId } from '../../../src/core/address.ts';
import { EMPTY } from '../../../src/core/replica/fact.ts';
import type { Change } from '../../../src/core/replica.ts';
import {
  connectionKey,
  encodeConnection,
  encodeHost,
  HOST_KEY,
  TOPOLOGY,
} from '../../../src/core/topology/facts.ts';
import { createTopologyView } from '../../../src/core/topology/view.ts';

const [A, B, C] = ['a', 'b', 'c'] as [PeerId, PeerId, PeerId];

function change(owner: PeerId, key: string, stamp: number, value?: Uint8Array): Change {
  const fields = { owner, seq: stamp, stamp, domain: TOPOLOGY, key, extra: EMPTY, signature: EMPTY };
  return { owner, domain: TOPOLOGY, key, previous: undefined, now: value && { ...fields, value } };
}

function host(owner: PeerId, stamp: number, address: string, name: number): Change {
  const fact = {
    name: `02:00:00:00:00:0${name}` as Mac,
    nickname: owner,
    version: '1',
    addresses: [address],
    vtep: { address: '192.168.0.1' as Ipv4, port: 6784 },
    control: `100.64.0.${name}` as Ipv4,
    boot: '1',
  };
  return change(owner, HOST_KEY, stamp, encodeHost(fact));
}

function connection(owner: PeerId, peer: PeerId, isUp: boolean): Change {
  const fact = { address: 'h:1', outbound: true, established: true };
  return change(owner, connectionKey(peer), 1, isUp ? encodeConnection(fact) : undefined);
}

describe('who exists', () => {
  it('gives what two take to the earlier, and to the other once that is gone', () => {
    const view = createTopologyView();
    view.update(host(B, 2, 'h:2', 1));
    view.update(host(A, 3, 'h:1', 1));
    expect(view.named('02:00:00:00:00:01' as Mac)).toBe(B);
    expect(view.controlling('100.64.0.1' as Ipv4)).toBe(B);
    view.update(host(B, 4, 'h:2', 2));
    expect(view.named('02:00:00:00:00:01' as Mac)).toBe(A);
    expect(view.controlling('100.64.0.2' as Ipv4)).toBe(B);
    view.update(change(A, HOST_KEY, 5));
    expect(view.named('02:00:00:00:00:01' as Mac)).toBeUndefined();
    expect(view.peers()).toEqual([B]);
  });

  it('knows who can be dialled where, also after they moved', () => {
    const view = createTopologyView();
    view.update(host(B, 1, 'h:1', 1));
    view.update(host(A, 2, 'h:1', 2));
    expect(view.at('h:1')).toBe(A);
    view.update(host(A, 3, 'h:2', 2));
    expect(view.at('h:1')).toBe(B);
    expect(view.at('h:2')).toBe(A);
    expect(view.at('h:3')).toBeUndefined();
  });

  it('follows connections as they come and go', () => {
    const view = createTopologyView();
    for (const [index, peer] of [A, B, C].entries()) view.update(host(peer, 1, `h:${index}`, index + 1));
    view.update(connection(A, B, true));
    view.update(connection(B, C, true));
    expect([...view.reachable(A)].sort()).toEqual([A, B, C]);
    view.update({ ...connection(B, C, true), now: undefined });
    expect([...view.reachable(A)].sort()).toEqual([A, B]);
    expect([...view.reachable(C)]).toEqual([C]);
  });
});
