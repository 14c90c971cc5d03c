import { describe, expect, it } from 'vitest';
import type { Delta } from '../../../src/core/replica.ts';
import { createPeer, drop, peerId, pull, put, shown, shownOf } from '../../support/replicas.ts';

const A = peerId('A');

describe('writing', () => {
  it('numbers entries one by one and signs one head for the batch', () => {
    const a = createPeer('A');
    const written = a.write([put('x', '1'), put('y', '2')])!;
    expect(written.delta.entries.map(entry => entry.seq)).toEqual([1, 2]);
    expect(written.delta).toMatchObject({ after: 0, through: 2, snapshot: false });
    expect(a.ownSeq()).toBe(2);
  });

  it('writes nothing for a value that is there and for a deletion of what is not', () => {
    const a = createPeer('A');
    a.write([put('x', '1')]);
    expect(a.write([put('x', '1'), drop('y')])).toBeUndefined();
    expect(a.ownSeq()).toBe(1);
  });

  it('takes the last of several wishes for one key', () => {
    const a = createPeer('A');
    a.write([put('x', '1'), put('x', '2')]);
    expect(shown(a)).toEqual(['A test/x 2 @1']);
    expect(a.ownSeq()).toBe(1);
  });

  it('tells what was there before', () => {
    const a = createPeer('A');
    a.write([put('x', '1')]);
    const [change] = a.write([drop('x')])!.changes;
    expect(change).toMatchObject({
      owner: A,
      domain: 'test',
      key: 'x',
      now: undefined,
      previous: { seq: 1 },
    });
  });

  it('stamps later than everything it has seen', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    a.write([put('x', '1')]);
    a.write([put('x', '2')]);
    pull(b, a);
    expect(b.write([put('x', '3')])!.delta.entries[0]!.stamp).toBe(3);
  });

  it('has room for as many keys as others take', () => {
    const a = createPeer('A', { live: 2 });
    a.write([put('x', '1')]);
    expect(a.room()).toBe(1);
    expect(() => a.write([put('y', '1'), put('z', '1')])).toThrow('too-many-entries');
    expect(shown(a)).toHaveLength(1);
  });

  it.each([
    ['no domain', { domain: '', key: 'x', value: undefined }],
    ['a NUL in the domain', { domain: 'a\0b', key: 'x', value: undefined }],
    ['half a surrogate pair', { domain: 'a', key: '\ud800', value: undefined }],
    ['a long key', { domain: 'a', key: 'é'.repeat(257), value: undefined }],
    ['a large value', { domain: 'a', key: 'x', value: new Uint8Array(4_097) }],
  ])('throws on %s', (_, write) => {
    expect(() => createPeer('A').write([write])).toThrow(RangeError);
  });
});

describe('what arrives early', () => {
  it('counts at once, and upto moves when the gap is filled', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    const first = a.write([put('x', '1')])!.delta;
    const second = a.write([put('y', '2')])!.delta;
    expect(b.merge(second)).toMatchObject({ gap: true, news: true });
    expect(shown(b)).toEqual(['A test/y 2 @2']);
    expect(b.head(A)).toBeUndefined();
    expect(b.merge(first)).toMatchObject({ gap: false, changed: [{ key: 'x' }] });
    expect(b.head(A)!.upto).toBe(2);
    expect(b.fingerprint()).toBe(a.fingerprint());
  });

  it('hides what it replaces or deletes', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    pull(b, a);
    b.merge(a.write([put('x', '1'), put('y', '1')])!.delta);
    const lost = a.write([put('z', '1')])!.delta;
    expect(b.merge(a.write([put('x', '2'), drop('y')])!.delta).changed).toHaveLength(2);
    expect(shown(b)).toEqual(['A test/x 2 @3']);
    expect(b.merge(lost).changed).toMatchObject([{ key: 'z' }]);
    expect(shown(b)).toEqual(shown(a));
  });

  it('is not hidden by something older that comes later', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    const [, second, third] = ['1', '2', '3'].map(text => a.write([put('x', text)])!.delta);
    b.merge(third!);
    expect(b.merge(second!).changed).toEqual([]);
    expect(shown(b)).toEqual(['A test/x 3 @3']);
  });

  it('is handed on, so that repair does not creep from gap to gap', () => {
    const [a, b, c] = [createPeer('A'), createPeer('B'), createPeer('C')];
    const [one, two, three] = ['1', '2', '3'].map(text => a.write([put(text, text)])!.delta) as [
      Delta,
      Delta,
      Delta,
    ];
    b.merge(three);
    c.merge(one);
    c.merge(two);
    pull(c, b);
    expect(c.fingerprint()).toBe(a.fingerprint());
  });

  it('does not make two replicas with the same gap ask each other for ever', () => {
    const [a, b, c] = [createPeer('A'), createPeer('B'), createPeer('C')];
    a.write([put('lost', '1')]);
    const early = a.write([put('x', '1')])!.delta;
    b.merge(early);
    c.merge(early);
    pull(b, c);
    pull(c, b);
    expect(shown(b)).toEqual(shown(c));
  });

  it('is not handed on while it is itself cut short: nobody could end what it begins', () => {
    const [a, b, c] = [createPeer('A'), createPeer('B'), createPeer('C')];
    a.write([put('lost', '1')]);
    const { delta } = a.write([put('x', '1'), put('y', '1')])!;
    b.merge({ ...delta, through: 2, entries: delta.entries.slice(0, 1) });
    expect(b.missing(c.digest(), 5_000)).toEqual([]);
  });

  it('is not given up for what is nearer: what was deleted would seem to be back', () => {
    const [a, b] = [createPeer('A'), createPeer('B', { early: 1 })];
    b.merge(a.write([put('x', '1')])!.delta);
    a.write([put('lost', '1')]);
    const nearer = a.write([put('y', '1')])!.delta;
    b.merge(a.write([drop('x')])!.delta);
    expect(shown(b)).toEqual([]);
    expect(b.merge(nearer)).toMatchObject({ changed: [], gap: true });
    pull(b, a);
    expect(shown(b)).toEqual(shown(a));
  });

  it('asks on, whoever tells the same beginning again', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    b.merge(a.write([put('1', '1')])!.delta);
    const { delta } = a.write([put('x', '1'), put('y', '1')])!;
    const piece = { ...delta, through: 2, entries: delta.entries.slice(0, 1) };
    expect(b.merge(piece)).toMatchObject({ gap: true, news: true });
    expect(b.merge(piece)).toMatchObject({ gap: true, news: false });
  });

  it('is no hindrance to a peer that has less of it', () => {
    const [a, b, c] = [createPeer('A'), createPeer('B'), createPeer('C')];
    b.merge(a.write([put('1', '1')])!.delta);
    a.write([put('2', '1')]);
    pull(c, a);
    a.write([put('3', '1'), put('4', '1')]);
    const [delta] = a.missing(b.digest(), 5_000);
    b.merge({ ...delta!, through: 3, entries: delta!.entries.slice(0, 2) });
    pull(b, c);
    expect(b.head(A)!.upto).toBe(2);
    pull(b, a);
    expect(shown(b)).toEqual(shown(a));
  });

  it('is bounded: what does not fit comes by sync', () => {
    const [a, b] = [createPeer('A'), createPeer('B', { early: 2 })];
    a.write([put('lost', '1')]);
    for (const key of ['1', '2', '3']) b.merge(a.write([put(key, key)])!.delta);
    expect(shown(b)).toHaveLength(2);
    pull(b, a);
    expect(shown(b)).toEqual(shown(a));
  });
});

describe('what is dead', () => {
  it('does not come back with the delta that once brought it', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    const birth = a.write([put('x', '1')])!.delta;
    b.merge(birth);
    b.merge(a.write([drop('x')])!.delta);
    expect(b.merge(birth)).toEqual({ changed: [], gap: false, refused: undefined, news: false });
    expect(shown(b)).toEqual([]);
  });

  it('does not come back from a peer that was away for longer than deletions are remembered', () => {
    const limits = { deletions: 2 };
    const [a, b, away] = [createPeer('A', limits), createPeer('B', limits), createPeer('C', limits)];
    a.write(['1', '2', '3', '4', '5'].map(key => put(key, key)));
    pull(away, a);
    a.write(['1', '2', '3', '4'].map(key => drop(key)));
    pull(b, a);
    const [delta] = a.missing(away.digest(), 10_000);
    expect(delta!.snapshot).toBe(true);
    expect(pull(b, away)).toEqual([]);
    expect(pull(away, b).map(change => change.key)).toEqual(['1', '2', '3', '4']);
    expect(shown(away)).toEqual(['A test/5 5 @1']);
  });

  it('does not come back with an older snapshot', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    a.write([put('x', '1')]);
    const [old] = a.missing([], 5_000);
    a.write([drop('x')]);
    pull(b, a);
    expect(b.merge(old!)).toMatchObject({ changed: [], news: false });
    expect(shown(b)).toEqual([]);
  });

  it('does not come back among newer things', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    const birth = a.write([put('x', '1')])!.delta;
    a.write([drop('x')]);
    pull(b, a);
    const { delta } = a.write([put('y', '1'), put('z', '1')])!;
    const entries = [...birth.entries, ...delta.entries];
    b.merge({ ...delta, after: 0, through: 3, entries: entries.slice(0, 2) });
    expect(shown(b)).toEqual(['A test/y 1 @3']);
    b.merge({ ...delta, after: 0, entries });
    expect(shown(b)).toEqual(shown(a));
  });

  it('is told by a snapshot to whom its deletion is forgotten, also by who had a snapshot itself', () => {
    const [a, b, behind] = [createPeer('A'), createPeer('B'), createPeer('C')];
    a.write([put('x', '1'), put('y', '1')]);
    pull(behind, a);
    a.write([drop('x')]);
    pull(b, a);
    expect(b.missing(behind.digest(), 5_000)).toMatchObject([{ snapshot: true }]);
  });

  it('is forgotten in the order in which it died last', () => {
    const [a, b] = [createPeer('A', { deletions: 2 }), createPeer('B')];
    a.write([put('x', '1'), put('y', '1'), put('z', '1')]);
    for (const write of [drop('x'), drop('y'), put('x', '2'), drop('x')]) a.write([write]);
    pull(b, a);
    a.write([drop('z')]);
    const [delta] = a.missing(b.digest(), 5_000);
    expect(delta).toMatchObject({ snapshot: false, entries: [{ key: 'z' }] });
    const at = { ...b.digest().find(standing => standing.owner === A)!, upto: 5, through: 5 };
    expect(a.missing([at], 5_000)).toMatchObject([
      { snapshot: false, entries: [{ key: 'x' }, { key: 'z' }] },
    ]);
    expect(a.missing([{ ...at, upto: 4, through: 4 }], 5_000)).toMatchObject([{ snapshot: true }]);
  });

  it('goes by a delta while its deletion is remembered', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    a.write([put('x', '1'), put('y', '1')]);
    pull(b, a);
    a.write([drop('x')]);
    const [delta] = a.missing(b.digest(), 10_000);
    expect(delta).toMatchObject({ snapshot: false, after: 2, entries: [{ key: 'x', value: undefined }] });
  });
});

describe('a disk that was rolled back', () => {
  it('is noticed by a head of ours that we never wrote', () => {
    const a = createPeer('A');
    a.write([put('x', '1')]);
    const old = a.export(A)!;
    const later = a.write([put('x', '2')])!.delta;
    const again = createPeer('A');
    again.restore(old);
    expect(again.originOfOwn(later.head)).toBe('lost');
    expect(again.originOfOwn({ ...later.head, upto: 99 })).toBe('forged');
    expect(again.merge(later).changed).toEqual([]);
    expect(a.originOfOwn(later.head)).toBe('known');
  });

  it('ends in the set that the owner issues anew above what others hold, with the stamps of old', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    a.write([put('kept', '1')]);
    const old = a.export(A)!;
    a.write([put('lost', '1')]);
    pull(b, a);
    const again = createPeer('A');
    again.restore(old);
    again.write([put('new', '1')]);
    const { delta } = again.rebase(b.head(A)!.upto);
    expect(
      b
        .merge(delta)
        .changed.map(change => change.key)
        .sort(),
    ).toEqual(['kept', 'lost', 'new']);
    expect(shown(b)).toEqual(['A test/kept 1 @1', 'A test/new 1 @2']);
    expect(b.fingerprint()).toBe(again.fingerprint());
  });

  it.each([[0], [1]])('leaves one of two sets of the same length, the same everywhere', first => {
    const a = createPeer('A');
    a.write([put('x', '1')]);
    const old = a.export(A)!;
    const again = createPeer('A');
    again.restore(old);
    a.write([put('x', 'one mind')]);
    again.write([put('x', 'the other')]);
    const peers = [createPeer('B'), createPeer('C')];
    pull(peers[first]!, a);
    pull(peers[1 - first]!, again);
    expect(peers[0]!.fingerprint()).not.toBe(peers[1]!.fingerprint());
    pull(peers[0]!, peers[1]!);
    pull(peers[1]!, peers[0]!);
    expect(shown(peers[0]!)).toEqual(shown(peers[1]!));
    expect(peers[0]!.fingerprint()).toBe(peers[1]!.fingerprint());
  });
});

describe('bulk', () => {
  const full = (): ReturnType<typeof createPeer> => {
    const a = createPeer('A');
    a.write(Array.from({ length: 200 }, (_, index) => put(`key ${index}`, 'v'.repeat(100))));
    return a;
  };

  it('comes in pieces, and goes on where the last ended', () => {
    const [a, b] = [full(), createPeer('B')];
    const [piece] = a.missing(b.digest(), 2_000);
    expect(piece).toMatchObject({ snapshot: true, after: 0 });
    expect(b.merge(piece!)).toMatchObject({ gap: true, changed: [] });
    const [next] = a.missing(b.digest(), 2_000);
    expect(next!.after).toBe(piece!.through);
    pull(b, a);
    expect(shown(b)).toEqual(shown(a));
  });

  it('counts only when it is whole', () => {
    const [a, b] = [full(), createPeer('B')];
    b.merge(a.missing(b.digest(), 20_000)[0]!);
    expect(shown(b)).toEqual([]);
  });

  it('goes on while its owner writes and deletes', () => {
    const [a, b] = [full(), createPeer('B')];
    for (let round = 0; a.missing(b.digest(), 4_000).length > 0; round++) {
      expect(round).toBeLessThan(20);
      for (const delta of a.missing(b.digest(), 4_000)) b.merge(delta);
      if (round < 10) a.write([drop(`key ${round * 7}`), put(`key ${round * 11 + 1}`, 'changed')]);
    }
    expect(shown(b)).toEqual(shown(a));
  });

  it('starts again from a peer that has less than the one that began', () => {
    const [a, b, behind] = [full(), createPeer('B'), createPeer('C')];
    pull(behind, a);
    a.write([put('last', '1')]);
    b.merge(a.missing(b.digest(), 4_000)[0]!);
    pull(b, behind, 4_000);
    expect(shownOf(b, 'A')).toEqual(shown(behind));
  });

  it('says that there is more where there was no room for another owner', () => {
    const [a, b, c] = [full(), createPeer('B'), createPeer('C')];
    b.write([put('x', '1')]);
    pull(b, a);
    const merged = b.missing(c.digest(), 500).map(delta => c.merge(delta));
    expect(shown(c)).toEqual(['B test/x 1 @1']);
    expect(merged.map(({ gap }) => gap)).toEqual([false, true]);
    expect(b.missing(c.digest(), 100).map(delta => c.merge(delta).gap)).toEqual([true]);
    pull(c, b);
    expect(shown(c)).toEqual(shown(b));
  });
});

describe('a snapshot begun elsewhere', () => {
  const begun = (through: number, upto: number) => {
    const a = createPeer('A', { deletions: 1 });
    a.write(['1', '2', '3', '4'].map(key => put(key, key)));
    for (const key of ['1', '2']) a.write([drop(key)]);
    const nothing = { ...a.digest()[0]!, upto: 0, stamp: 0, through: 0 };
    return a.missing([{ ...nothing, stage: { through, upto } }], 5_000)[0]!;
  };

  it('is gone on with where every deletion since is remembered', () => {
    expect(begun(3, 5)).toMatchObject({
      snapshot: true,
      after: 3,
      entries: [{ key: '4' }, { key: '2', value: undefined }],
    });
  });

  it.each([
    ['deletions since are forgotten', 3, 4],
    ['it goes beyond what there is', 7, 5],
    ['it is of a later state', 3, 7],
  ])('begins again where %s', (_, through, upto) => {
    expect(begun(through, upto)).toMatchObject({
      snapshot: true,
      after: 0,
      entries: [{ key: '3' }, { key: '4' }],
    });
  });
});

describe('storing', () => {
  it('gives back what was whole', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    a.write([put('x', '1'), put('y', '1')]);
    a.write([drop('x')]);
    pull(b, a);
    const again = createPeer('B');
    expect(again.restore(b.export(A)!)!.map(change => change.key)).toEqual(['y']);
    expect(shown(again)).toEqual(shown(b));
    expect(again.fingerprint()).toBe(b.fingerprint());
    expect(again.write([put('z', '1')])!.delta.entries[0]!.stamp).toBe(3);
  });

  it('refuses bytes that the owner did not sign, whichever bit is wrong', () => {
    const a = createPeer('A');
    a.write([put('x', '1')]);
    const good = a.export(A)!;
    for (let index = 0; index < good.length; index++) {
      for (const bit of [1, 128]) {
        const bad = good.slice();
        bad[index]! ^= bit;
        const again = createPeer('A');
        // The entry's own signature is for others; here the head vouches for the entry.
        if (again.restore(bad) !== undefined) expect(shown(again)).toEqual(shown(a));
      }
    }
    expect(createPeer('A').restore(good.subarray(1))).toBeUndefined();
    expect(createPeer('A').export(A)).toBeUndefined();
  });

  it('keeps from where on deletions are remembered', () => {
    const [a, behind] = [createPeer('A', { deletions: 1 }), createPeer('B')];
    a.write([put('x', '1'), put('y', '1')]);
    pull(behind, a);
    a.write([drop('x')]);
    a.write([drop('y')]);
    const again = createPeer('A', { deletions: 1 });
    again.restore(a.export(A)!);
    expect(again.missing(behind.digest(), 5_000)).toMatchObject([{ snapshot: true, entries: [] }]);
  });

  it('takes nothing back where there is something already', () => {
    const a = createPeer('A');
    a.write([put('x', '1')]);
    const old = a.export(A)!;
    a.write([put('x', '2')]);
    expect(a.restore(old)).toBeUndefined();
    expect(shown(a)).toEqual(['A test/x 2 @2']);
  });
});

describe('reading', () => {
  it('gives entries by domain, owner and key', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    a.write([put('x', '1'), { domain: 'other', key: 'x', value: new Uint8Array([1]) }]);
    b.write([put('x', '2')]);
    pull(b, a);
    expect([...b.entries('test')].map(entry => entry.owner)).toEqual(['B', 'A']);
    expect(b.ofOwner(A)).toHaveLength(2);
    expect(b.get(A, 'other', 'x')!.value).toEqual(new Uint8Array([1]));
    expect(b.get(A, 'other', 'y')).toBeUndefined();
    expect(b.owners()).toEqual(['B', 'A']);
    expect(b.behind(a.digest())).toEqual([]);
    expect(a.behind(b.digest())).toEqual(['B']);
  });
});
