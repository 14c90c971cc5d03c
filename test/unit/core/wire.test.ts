import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../../src/core/bytes.ts';
import {
  entrySize,
  headSize,
  signedEntry,
  signedHead,
  writeEntry,
  writeHead,
} from '../../../src/core/replica/encoding.ts';
import type { Delta, Entry, Head } from '../../../src/core/replica.ts';
import {
  decodeMessage,
  encodeMessage,
  type Message,
  PROTOCOL_VERSION,
  splitDeltas,
} from '../../../src/core/wire.ts';
import { campaign } from '../../support/campaign.ts';
import { peerId as asPeer, bytesOf, createPeer, drop, pull, put } from '../../support/replicas.ts';

const number = fc.nat({ max: 2 ** 31 }).map(value => value * 2 ** 17);
const text = (maxLength: number) =>
  fc.string({ unit: 'grapheme', maxLength }).filter(value => !value.includes('\0'));
const bytes = fc.uint8Array({ maxLength: 70 });
const owner = text(10).map(name => asPeer(`P${name}`));

const head: fc.Arbitrary<Head> = fc.record({
  owner,
  upto: number,
  stamp: number,
  liveHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  extra: bytes,
  signature: bytes,
});

const entryOf = (of: Head): fc.Arbitrary<Entry> =>
  fc.record({
    owner: fc.constant(of.owner),
    seq: number.map(seq => seq + 1),
    stamp: number,
    domain: text(2).map(name => `d${name}`),
    key: text(9),
    value: fc.option(bytes, { nil: undefined }),
    extra: bytes,
    signature: bytes,
  });

const delta: fc.Arbitrary<Delta> = head.chain(of =>
  fc.record({
    head: fc.constant(of),
    after: number,
    through: number,
    snapshot: fc.boolean(),
    entries: fc.array(entryOf(of), { maxLength: 6 }),
  }),
);

const stage = fc.option(fc.record({ through: number, upto: number }), { nil: undefined });
const standing = fc
  .tuple(head, number, stage)
  .map(([of, through, staged]) => ({ ...of, through, stage: staged }));

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constant('digest' as const),
    heads: fc.array(standing, { maxLength: 5 }),
    wantReply: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('deltas' as const),
    deltas: fc.array(delta, { maxLength: 4 }),
    reply: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('heartbeat' as const), fingerprint: fc.maxSafeNat(), boot: text(16) }),
  fc.record({ kind: fc.constant('goodbye' as const) }),
  fc.record({ kind: fc.constant('unknown' as const), version: fc.constant(3), code: fc.constant(77), bytes }),
);

describe('messages', () => {
  it('come through as they were', () => {
    fc.assert(
      fc.property(message, one => {
        expect(decodeMessage(encodeMessage(one))).toEqual(one);
      }),
      campaign(70_01, 500),
    );
  });

  it('have the sizes foretold', () => {
    fc.assert(
      fc.property(delta, one => {
        expect(writeHead(new ByteWriter(), one.head)).toHaveLength(headSize(one.head));
        for (const entry of one.entries)
          expect(writeEntry(new ByteWriter(), entry)).toHaveLength(entrySize(entry));
      }),
      campaign(70_02, 300),
    );
  });

  it('are signed apart: what was signed as an entry is no head', () => {
    const one = createPeer('A').write([put('x', '1')])!.delta;
    const text = (signed: Uint8Array): string => new TextDecoder().decode(signed.subarray(1, 12));
    expect(text(signedHead(one.head))).not.toBe(text(signedEntry(one.entries[0]!)));
  });

  it('of a later version are read as far as they are known', () => {
    const later = encodeMessage({ kind: 'heartbeat', fingerprint: 5, boot: 'b' });
    later[0] = PROTOCOL_VERSION + 1;
    expect(decodeMessage(Uint8Array.from([...later, 1, 2, 3]))).toEqual({
      kind: 'heartbeat',
      fingerprint: 5,
      boot: 'b',
    });
  });

  it.each<[string, number[]]>([
    ['nothing', []],
    ['version 0', [0, 4]],
    ['no kind', [1]],
    ['something behind the end', [1, 4, 0]],
    ['more deltas than there are', [1, 2, 0, 9]],
    ['a count that would fill the memory', [1, 2, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a flag that is no flag', [1, 1, 2, 0]],
  ])('with %s are none', (_, content) => {
    expect(decodeMessage(Uint8Array.from(content))).toBeUndefined();
  });
});

describe('garbage', () => {
  it('is read without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(1, 2, 3, 4, 5), (content, code) => {
        decodeMessage(content);
        decodeMessage(Uint8Array.from([1, code, ...content]));
      }),
      campaign(70_03, 3_000),
    );
  });

  it('made from a true message neither throws nor gets into a replica', () => {
    const a = createPeer('A');
    a.write([put('x', '1'), put('y', '2')]);
    a.write([drop('x')]);
    const good = encodeMessage({ kind: 'deltas', deltas: a.missing([], 5_000), reply: true });
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(good.length),
        (place, flip, length) => {
          const bad = good.slice(0, length < place ? good.length : length);
          if (place < bad.length) bad[place]! ^= flip;
          const decoded = decodeMessage(bad);
          const b = createPeer('B');
          if (decoded?.kind === 'deltas') for (const one of decoded.deltas) b.merge(one);
          for (const entry of b.entries()) expect(entry).toEqual(a.get(entry.owner, entry.domain, entry.key));
        },
      ),
      campaign(70_04, 1_500),
    );
  });

  it('takes no more steps than it has bytes', () => {
    // 300,000 deltas that claim 300,000 entries each: were counts believed, this would be 9 * 10^10 reads.
    const writer = new ByteWriter().varint(1).varint(2).varint(0).varint(300_000);
    for (let index = 0; index < 300_000; index++) writer.varint(1);
    let reads = 0;
    const garbage = writer.finish();
    const content = new Proxy(garbage, {
      get(target, name) {
        reads += 1;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    expect(decodeMessage(content)).toBeUndefined();
    expect(reads).toBeLessThan(4 * garbage.length);
  });
});

describe('packing', () => {
  const LIMIT = 60 * 1024;

  it('keeps messages below the limit, loses nothing and goes on without a gap', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(150), fc.nat(700)), { minLength: 1, maxLength: 12 }), owners => {
        const source = createPeer('S');
        owners.forEach(([count, size], index) => {
          const peer = createPeer(`P${index}`);
          const writes = Array.from({ length: count }, (_, key) => put(`${key}`, 'v'.repeat(size)));
          peer.write(writes);
          pull(source, peer, 1_000_000);
        });
        const b = createPeer('B');
        for (const part of splitDeltas(source.missing(b.digest(), 4_000_000), LIMIT)) {
          const encoded = encodeMessage({ kind: 'deltas', deltas: part, reply: true });
          expect(encoded.length).toBeLessThanOrEqual(LIMIT);
          const decoded = decodeMessage(encoded);
          if (decoded?.kind === 'deltas')
            for (const one of decoded.deltas) expect(b.merge(one).refused).toBeUndefined();
        }
        expect(b.fingerprint()).toBe(source.fingerprint());
      }),
      campaign(70_05, 15),
    );
  });

  it('cuts a write that is too large for one message', () => {
    const [a, b] = [createPeer('A'), createPeer('B')];
    b.merge(a.write([put('first', '1')])!.delta);
    const { delta: large } = a.write(
      Array.from({ length: 200 }, (_, key) => put(`${key}`, 'v'.repeat(1_000))),
    )!;
    const parts = splitDeltas([large], LIMIT);
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts.toReversed()) for (const one of part) b.merge(one);
    expect(b.fingerprint()).toBe(a.fingerprint());
  });

  it('throws where not even one entry fits', () => {
    const { delta: one } = createPeer('A').write([
      { domain: 'test', key: 'x', value: bytesOf('v'.repeat(500)) },
    ])!;
    expect(() => splitDeltas([one], 200)).toThrow(RangeError);
  });
});
