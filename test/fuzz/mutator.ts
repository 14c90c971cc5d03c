/** Numbers from 0 to `below` - 1, the same for the same seed (mulberry32). */
export type Random = (below: number) => number;

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return below => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Bytes at the edges of what parsers compare with: signs, lengths, separators of text formats. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x2f, 0x5c, 0x7b, 0x7d, 0x30];
const LONGEST = 64 * 1024;

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[at] = value;
  return copy;
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const at = random(bytes.length);
    return changed(bytes, at, (bytes[at] ?? 0) ^ (1 << random(8)));
  },
  (bytes, random) => changed(bytes, random(bytes.length), EDGES[random(EDGES.length)]!),
  (bytes, random) => changed(bytes, random(bytes.length), random(256)),
  (bytes, random) => bytes.slice(0, random(bytes.length + 1)),
  // One piece is left out, is there twice, or comes from another input.
  (bytes, random) => {
    const from = random(bytes.length + 1);
    return join(bytes.subarray(0, from), bytes.subarray(from + random(16)));
  },
  (bytes, random) => {
    const from = random(bytes.length + 1);
    const piece = bytes.subarray(from, from + 1 + random(64));
    return join(bytes.subarray(0, from), piece, piece, bytes.subarray(from + piece.length));
  },
  (bytes, random, other) => {
    const at = random(bytes.length + 1);
    const from = random(other.length + 1);
    return join(bytes.subarray(0, at), other.subarray(from, from + random(64)), bytes.subarray(at));
  },
  (bytes, random, other) =>
    join(bytes.subarray(0, random(bytes.length + 1)), other.subarray(random(other.length + 1))),
  // A number of four bytes becomes a large one, or one next to what it was.
  (bytes, random) => {
    if (bytes.length < 4) return bytes;
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    const at = random(bytes.length - 3);
    const old = view.getUint32(at, true);
    view.setUint32(at, [0xff_ff_ff_ff, 0x7f_ff_ff_ff, 0, old + 1, old - 1][random(5)]! >>> 0, true);
    return copy;
  },
];

/** One to six small changes, as a program's own tests would hardly make them. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let mutant = bytes;
  for (let count = 1 + random(6); count > 0; count--) {
    mutant = MUTATIONS[random(MUTATIONS.length)]!(mutant, random, other);
  }
  return mutant.length > LONGEST ? mutant.subarray(0, LONGEST) : mutant;
}
