import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signedEntry, signedHead } from '../../../src/core/replica/encoding.ts';
import type { Delta, Entry, Replica } from '../../../src/core/replica.ts';
import { campaign } from '../../support/campaign.ts';
import {
  createFold,
  createPeer,
  drop,
  fakeCrypto,
  peerId,
  pull,
  put,
  shown,
} from '../../support/replicas.ts';

const A = peerId('A');

function written(): { a: Replica; delta: Delta } {
  const a = createPeer('A');
  return { a, delta: a.write([put('x', '1'), put('y', '1'), put('z', '1')])!.delta };
}

/** What a peer says that has the key of A, as A itself would sign it. */
function asA(delta: Delta, change: (entry: Entry) => Entry): Delta {
  const { sign } = fakeCrypto(A);
  const entries = delta.entries.map(change).map(entry => ({ ...entry, signature: sign(signedEntry(entry)) }));
  return { ...delta, entries };
}

describe('a relay that lies', () => {
  it.each<[string, (delta: Delta) => Delta, string]>([
    [
      'alters a value',
      d => ({ ...d, entries: d.entries.map(e => ({ ...e, value: new Uint8Array(1) })) }),
      'bad-signature',
    ],
    [
      'turns a value into a deletion',
      d => ({ ...d, entries: d.entries.map(e => ({ ...e, value: undefined })) }),
      'bad-signature',
    ],
    [
      'adds a field',
      d => ({ ...d, entries: d.entries.map(e => ({ ...e, extra: new Uint8Array(1) })) }),
      'bad-signature',
    ],
    ['renumbers', d => ({ ...d, entries: [{ ...d.entries[0]!, seq: 2 }] }), 'bad-signature'],
    [
      'makes an entry older',
      d => ({ ...d, entries: d.entries.map(e => ({ ...e, stamp: 0 })) }),
      'bad-signature',
    ],
    [
      'gives an entry to somebody else',
      d => ({ ...d, entries: d.entries.map(e => ({ ...e, owner: peerId('M') })) }),
      'not-owner',
    ],
    [
      'gives the whole to somebody else',
      d => ({ ...d, head: { ...d.head, owner: peerId('M') }, entries: [] }),
      'bad-signature',
    ],
    ['alters the head', d => ({ ...d, head: { ...d.head, stamp: 7 } }), 'bad-signature'],
    ['reorders', d => ({ ...d, entries: [...d.entries].reverse() }), 'malformed'],
    ['goes beyond the head', d => ({ ...d, through: 9 }), 'malformed'],
    ['turns the range around', d => ({ ...d, after: 3, through: 2, entries: [] }), 'malformed'],
    [
      'makes a head of nothing',
      d => ({ ...d, head: { ...d.head, upto: 0 }, through: 0, entries: [] }),
      'malformed',
    ],
    ['leaves one out of a snapshot', d => ({ ...d, snapshot: true, entries: d.entries.slice(1) }), 'liar'],
  ])('%s: refused, and nothing changes', (_, lie, reason) => {
    const { delta } = written();
    const b = createPeer('B');
    expect(b.merge(lie(delta))).toMatchObject({ refused: reason, changed: [], news: false });
    expect(shown(b)).toEqual([]);
    expect(b.merge(delta).refused).toBeUndefined();
    expect(shown(b)).toHaveLength(3);
  });

  it('leaves an entry out of a delta: nothing changes, and an honest peer mends it', () => {
    const { a, delta } = written();
    const b = createPeer('B');
    const merged = b.merge({ ...delta, entries: delta.entries.slice(1) });
    expect(merged).toMatchObject({ refused: undefined, changed: [], gap: true });
    pull(b, a);
    expect(shown(b)).toEqual(shown(a));
  });

  it('leaves the deletion out of a delta', () => {
    const { a, delta } = written();
    const b = createPeer('B');
    b.merge(delta);
    const deletion = a.write([drop('x'), put('w', '1')])!.delta;
    b.merge({ ...deletion, entries: deletion.entries.slice(1) });
    expect(shown(b)).toHaveLength(3);
    pull(b, a);
    expect(shown(b)).toEqual(shown(a));
  });

  it('leaves an entry out of a piece, which an honest peer goes on from', () => {
    const a = createPeer('A');
    a.write(Array.from({ length: 60 }, (_, index) => put(`${index}`, 'v'.repeat(100))));
    const b = createPeer('B');
    const [piece] = a.missing(b.digest(), 3_000);
    b.merge({ ...piece!, entries: piece!.entries.slice(1) });
    pull(b, a);
    expect(shown(b)).toEqual(shown(a));
  });

  it('leaves an entry out of what comes early', () => {
    const { a, delta } = written();
    const b = createPeer('B');
    const early = a.write([put('x', '2'), put('y', '2')])!.delta;
    b.merge({ ...early, entries: early.entries.slice(1) });
    b.merge(delta);
    pull(b, a);
    expect(shown(b)).toEqual(shown(a));
  });

  it('brings back an old entry of which nothing is remembered', () => {
    const a = createPeer('A', { deletions: 1 });
    const birth = a.write([put('x', '1')])!.delta;
    a.write([put('y', '1')]);
    a.write([drop('x')]);
    a.write([drop('y')]);
    const b = createPeer('B', { deletions: 1 });
    pull(b, a);
    expect(b.merge(birth).news).toBe(false);
    expect(shown(b)).toEqual([]);
  });
});

describe('an owner that breaks the rules', () => {
  it('has more live entries than allowed: refused, and others go on', () => {
    const a = createPeer('A', { live: 10 });
    const b = createPeer('B', { live: 2 });
    expect(b.merge(a.write([put('x', '1'), put('y', '1'), put('z', '1')])!.delta).refused).toBe(
      'too-many-entries',
    );
    expect(b.merge(a.write([drop('x')])!.delta).refused).toBeUndefined();
    expect(b.merge(createPeer('C').write([put('x', '1')])!.delta).refused).toBeUndefined();
    pull(b, a);
    expect(shown(b).filter(line => line.startsWith('A'))).toEqual(shown(a));
  });

  it('has an entry that is too large', () => {
    const { delta } = written();
    const large = asA(delta, entry => ({ ...entry, value: new Uint8Array(4_097) }));
    expect(createPeer('B').merge(large).refused).toBe('over-limit');
  });

  it('can not drive the clock of others to the end of the numbers', () => {
    const { delta } = written();
    const { sign } = fakeCrypto(A);
    const head = { ...delta.head, stamp: 2 ** 48 };
    const b = createPeer('B');
    const leap = asA({ ...delta, head: { ...head, signature: sign(signedHead(head)) } }, e => ({
      ...e,
      stamp: 2 ** 48,
    }));
    b.merge({ ...leap, after: 5, through: 5, entries: [] });
    b.merge(leap);
    expect(b.write([put('x', '1')])!.delta.entries[0]!.stamp).toBeLessThan(2 ** 40);
  });

  it('is one too many: the carrier is told apart from a liar', () => {
    const b = createPeer('B', { owners: 2 });
    expect(b.merge(createPeer('A').write([put('x', '1')])!.delta).refused).toBeUndefined();
    expect(b.merge(createPeer('C').write([put('x', '1')])!.delta).refused).toBe('too-many-owners');
  });
});

/** Lies that leave the signatures alone: pieces, omissions, old things, in any order. */
describe('any mixture of true and false deltas', () => {
  const lie = fc.record({
    delta: fc.nat(),
    snapshot: fc.boolean(),
    keep: fc.array(fc.boolean(), { maxLength: 6 }),
    after: fc.nat(12),
    through: fc.nat(12),
    honest: fc.boolean(),
  });

  it('shows nothing that its owner did not write, and does not stop honest peers from mending it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(4), fc.nat(3)), { maxLength: 14 }),
        fc.array(lie, { maxLength: 25 }),
        (writes, lies) => {
          const limits = { deletions: 2, early: 3 };
          const [a, b] = [createPeer('A', limits), createPeer('B', limits)];
          const said: Delta[] = [];
          for (const [key, value] of writes) {
            const one = a.write([
              value === 0 ? drop(`${key}`) : put(`${key}`, `${value}`),
              put('count', `${said.length}`),
            ]);
            if (one !== undefined) said.push(one.delta, ...a.missing([], 5_000));
          }
          const true_ = new Set(
            said.flatMap(delta => delta.entries.map(entry => `${entry.seq} ${entry.key} ${entry.value}`)),
          );
          const fold = createFold();
          for (const { delta: index, snapshot, keep, after, through, honest } of lies) {
            const delta = said[index % said.length];
            if (delta === undefined) continue;
            const kept = delta.entries.filter(
              (entry, place) => keep[place] !== false && entry.seq > after && entry.seq <= through,
            );
            const told = honest ? delta : { ...delta, snapshot, after, through, entries: kept };
            fold.learn(b.merge(told).changed);
            for (const entry of b.entries())
              expect(true_).toContain(`${entry.seq} ${entry.key} ${entry.value}`);
          }
          fold.learn(pull(b, a, 700));
          expect(shown(b)).toEqual(shown(a));
          expect(fold.shown()).toEqual(shown(a));
          expect(b.fingerprint()).toBe(a.fingerprint());
        },
      ),
      campaign(20_26, 400),
    );
  });
});
