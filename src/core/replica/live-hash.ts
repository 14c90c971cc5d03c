import { type CryptoFunctions, HASH_BYTES } from './fact.ts';

/**
 * One hash over a set of hashes, kept up to date at the cost of what changes: a binary Merkle tree in which the bits
 * of a member decide its place (a crit-bit tree), so that its shape depends on the set alone. A sum or XOR would be
 * simpler, but who may choose between old and new versions of some 256 entries can make those come out even.
 *
 * Trees are never altered: a change makes a new one that shares the rest, so one that turns out wrong is let go of.
 */
export type HashTree = Branch | Uint8Array | undefined;

interface Branch {
  /** The first bit in which members below differ: those with 0 are in `zero`. */
  readonly bit: number;
  readonly zero: Branch | Uint8Array;
  readonly one: Branch | Uint8Array;
  /** Filled in when first asked for. */
  hash: Uint8Array | undefined;
}

const NO_MEMBERS = new Uint8Array(HASH_BYTES);
const CONTEXT = new TextEncoder().encode('mesh live 1');

/** What is hashed for a branch; always the same bytes in memory. */
const both = new Uint8Array(CONTEXT.length + 2 * HASH_BYTES);
both.set(CONTEXT);

const bitOf = (hash: Uint8Array, bit: number): number => (hash[bit >>> 3]! >>> (7 - (bit & 7))) & 1;

function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  for (let index = 0; index < HASH_BYTES; index++) {
    const difference = a[index]! ^ b[index]!;
    if (difference !== 0) return index * 8 + Math.clz32(difference) - 24;
  }
  return undefined;
}

export function withMember(tree: HashTree, member: Uint8Array): HashTree {
  if (tree === undefined) return member;
  let nearest = tree;
  while (!(nearest instanceof Uint8Array))
    nearest = bitOf(member, nearest.bit) === 0 ? nearest.zero : nearest.one;
  const bit = firstDifference(nearest, member);
  return bit === undefined ? tree : insert(tree, member, bit);
}

function insert(tree: Branch | Uint8Array, member: Uint8Array, bit: number): Branch {
  if (tree instanceof Uint8Array || tree.bit > bit) {
    return bitOf(member, bit) === 0 ? branch(bit, member, tree) : branch(bit, tree, member);
  }
  return bitOf(member, tree.bit) === 0
    ? branch(tree.bit, insert(tree.zero, member, bit), tree.one)
    : branch(tree.bit, tree.zero, insert(tree.one, member, bit));
}

export function withoutMember(tree: HashTree, member: Uint8Array): HashTree {
  if (tree === undefined) return undefined;
  if (tree instanceof Uint8Array) return firstDifference(tree, member) === undefined ? undefined : tree;
  if (bitOf(member, tree.bit) === 0) {
    const zero = withoutMember(tree.zero, member);
    return zero === undefined ? tree.one : zero === tree.zero ? tree : branch(tree.bit, zero, tree.one);
  }
  const one = withoutMember(tree.one, member);
  return one === undefined ? tree.zero : one === tree.one ? tree : branch(tree.bit, tree.zero, one);
}

const branch = (bit: number, zero: Branch | Uint8Array, one: Branch | Uint8Array): Branch => ({
  bit,
  zero,
  one,
  hash: undefined,
});

/** The hash of the set: zeros for none, the member itself for one. */
export function rootOf(tree: HashTree, crypto: CryptoFunctions): Uint8Array {
  if (tree === undefined) return NO_MEMBERS;
  if (tree instanceof Uint8Array) return tree;
  if (tree.hash === undefined) {
    const zero = rootOf(tree.zero, crypto);
    const one = rootOf(tree.one, crypto);
    both.set(zero, CONTEXT.length);
    both.set(one, CONTEXT.length + HASH_BYTES);
    tree.hash = crypto.hash(both);
  }
  return tree.hash;
}
