import { describe, expect, it } from 'vitest';
import { type Cidr, type Mac, type PeerId, parseCidr } from '../../../src/core/address.ts';
import type { Context } from '../../../src/core/host/context.ts';
import { Expulsion } from '../../../src/core/host/expulsion.ts';
import { CUSTODY_KEY, type Custody, encodeCustody, IPAM } from '../../../src/core/ipam/custody.ts';
import { createRingView } from '../../../src/core/ipam/view.ts';
import { encodeRemoval, REMOVALS } from '../../../src/core/removals/removal.ts';
import { createRemovalsView } from '../../../src/core/removals/view.ts';
import type { Change, Write } from '../../../src/core/replica.ts';

/** Who takes over what a removed peer had, seen by one host, whatever it hears of others, and in which order. */

const [GONE, LATE, SELF, OTHER] = ['peer-0', 'peer-1', 'peer-2', 'peer-3'] as PeerId[] as [
  PeerId,
  PeerId,
  PeerId,
  PeerId,
];
const UNIVERSE = '10.32.0.0/24';

function hostOf({ peers }: { peers: readonly PeerId[] }) {
  const removals = createRemovalsView();
  const ring = createRingView();
  const written: Write[] = [];
  let seq = 0;
  const learn = (owner: PeerId, { domain, key, value }: Write): void => {
    seq += 1;
    const now = { owner, domain, key, value, seq, stamp: seq };
    const change = { owner, domain, key, now, previous: undefined } as unknown as Change;
    removals.update(change);
    ring.update(change);
  };
  const say = (owner: PeerId, peer: PeerId, heir: PeerId | undefined): void =>
    learn(owner, {
      domain: REMOVALS,
      key: peer,
      value: encodeRemoval({ peer, upto: 0, universe: UNIVERSE, heir }),
    });
  const hold = (owner: PeerId, over: Partial<Custody> = {}): void => {
    const division = { universe: parseCidr(UNIVERSE) as Cidr, seeds: [] };
    const none = { ranges: [], grants: [], granted: 0, received: new Map(), inherited: new Map(), heirs: [] };
    learn(owner, { domain: IPAM, key: CUSTODY_KEY, value: encodeCustody({ division, ...none, ...over }) });
  };
  const context = {
    config: { self: SELF, ipam: { universe: parseCidr(UNIVERSE) } },
    removals,
    ring,
    topology: { peers: () => peers },
    replica: { head: () => ({ upto: seq }), ofOwner: () => [] },
    write: (writes: readonly Write[]) => {
      written.push(...writes);
      for (const write of writes) learn(SELF, write);
    },
  } as unknown as Context;
  const expulsion = new Expulsion(context, () => undefined);
  const said = (): PeerId | undefined => removals.words(GONE).get(SELF)?.heir;
  return { expulsion, say, hold, said };
}

describe('who takes over', () => {
  it('is the one that all think of, and nobody before they do', () => {
    const { expulsion, say } = hostOf({ peers: [GONE, SELF, OTHER] });
    expulsion.remove(GONE);
    expect(expulsion.awaited(GONE)).toEqual([OTHER]);
    say(OTHER, GONE, OTHER);
    expect(expulsion.heirOf(GONE)).toBe(SELF);
    expect(expulsion.awaited(GONE)).toEqual([OTHER]);
    expect(expulsion.estates()).toEqual([]);
    say(OTHER, GONE, SELF);
    expect(expulsion.awaited(GONE)).toEqual([]);
    expect(expulsion.estates()).toEqual([GONE]);
  });

  it('is another where a lower one comes to say it in time, and then this host says so', () => {
    const { expulsion, say, said } = hostOf({ peers: [GONE, LATE, SELF] });
    expulsion.remove(GONE);
    expect(said()).toBe(SELF);
    say(LATE, GONE, LATE);
    expulsion.review();
    expect(said()).toBe(LATE);
    expect(expulsion.estates()).toEqual([]);
  });

  it('stays who has taken over, whoever comes later', () => {
    const { expulsion, say, hold, said } = hostOf({ peers: [GONE, LATE, SELF] });
    expulsion.remove(GONE);
    hold(SELF, { inherited: new Map([[GONE, 1_000]]) });
    say(LATE, GONE, LATE);
    expulsion.review();
    expect(said()).toBe(SELF);
    expect(expulsion.awaited(GONE)).toEqual([]);
  });

  it('does not wait for one that thinks of another and is removed as well', () => {
    const { expulsion, say } = hostOf({ peers: [GONE, SELF, OTHER] });
    expulsion.remove(GONE);
    say(OTHER, GONE, OTHER);
    expulsion.remove(OTHER);
    expect(expulsion.estates()).toEqual([GONE, OTHER]);
  });

  it('is agreed to by hosts of an earlier version, which name nobody', () => {
    const { expulsion, say } = hostOf({ peers: [GONE, SELF, OTHER] });
    expulsion.remove(GONE);
    say(OTHER, GONE, undefined);
    expect(expulsion.estates()).toEqual([GONE]);
  });

  it('is nobody who divided the addresses in another way', () => {
    const { expulsion, hold, say } = hostOf({ peers: [GONE, SELF, OTHER] });
    hold(GONE);
    const seeds = ['02:00:00:00:00:01' as Mac];
    hold(SELF, { division: { universe: parseCidr(UNIVERSE) as Cidr, seeds } });
    expulsion.remove(GONE);
    say(OTHER, GONE, OTHER);
    expect(expulsion.heirOf(GONE)).toBe(OTHER);
  });
});
