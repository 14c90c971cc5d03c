import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type HashTree, rootOf, withMember, withoutMember } from '../../../src/core/replica/live-hash.ts';
import { campaign } from '../../support/campaign.ts';
import { bytesOf, fakeCrypto, peerId } from '../../support/replicas.ts';

const crypto = fakeCrypto(peerId('A'));
const member = (number: number): Uint8Array => crypto.hash(bytesOf(`${number}`));
const treeOf = (numbers: Iterable<number>): HashTree =>
  [...numbers].reduce<HashTree>((tree, number) => withMember(tree, member(number)), undefined);
const hex = (tree: HashTree): string => Buffer.from(rootOf(tree, crypto)).toString('hex');

it('depends on the set alone, not on how it came about', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(30)), { maxLength: 80 }), steps => {
      let tree: HashTree;
      const set = new Set<number>();
      for (const [isAdded, number] of steps) {
        tree = isAdded ? withMember(tree, member(number)) : withoutMember(tree, member(number));
        if (isAdded) set.add(number);
        else set.delete(number);
        if (number % 3 === 0) rootOf(tree, crypto);
      }
      expect(hex(tree)).toBe(hex(treeOf([...set].sort((a, b) => b - a))));
    }),
    campaign(80_01, 300),
  );
});

it('differs between sets', () => {
  const sets = Array.from({ length: 256 }, (_, bits) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter(bit => (bits >> bit) & 1),
  );
  expect(new Set(sets.map(set => hex(treeOf(set)))).size).toBe(256);
});

it('leaves the tree it came from as it was', () => {
  const tree = treeOf([1, 2, 3]);
  const before = hex(tree);
  hex(withoutMember(withMember(tree, member(4)), member(1)));
  expect(hex(tree)).toBe(before);
});

it('costs what changes: some twenty hashes in a set of four thousand', () => {
  let count = 0;
  const hash = (bytes: Uint8Array): Uint8Array => {
    count += 1;
    return crypto.hash(bytes);
  };
  const counting = { ...crypto, hash };
  const tree = treeOf(Array.from({ length: 4_096 }, (_, number) => number));
  rootOf(tree, counting);
  count = 0;
  rootOf(withMember(tree, member(5_000)), counting);
  expect(count).toBeLessThan(40);
});
