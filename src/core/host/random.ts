/** A small deterministic generator (sfc32): retries need jitter, and a simulated run must repeat exactly. */
export interface Random {
  /** In [0, 1). */
  fraction(): number;
  /** One of `items`, or undefined where there are none. */
  pick<Item>(items: readonly Item[]): Item | undefined;
}

export function createRandom(seed: number): Random {
  let [a, b, c, counter] = [seed | 0, (seed / 0x1_0000_0000) | 0, 0x9e3779b9 | 0, 1];

  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let round = 0; round < 12; round += 1) next();

  return { fraction: next, pick: items => items[Math.floor(next() * items.length)] };
}
