const BYTES = 6;

/** Weave's short forms of a peer name, as in `::1` and `1::1`: what `::` stands for is zero. Others stay as they are. */
export function expandPeerName(text: string): string {
  const [head, tail, ...more] = text.split('::');
  if (head === undefined || tail === undefined || more.length > 0) return text;
  const bytesOf = (part: string): readonly string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [bytesOf(head), bytesOf(tail)];
  const zeros = BYTES - before.length - after.length;
  if (zeros < 1) return text;
  return [...before, ...Array<string>(zeros).fill('0'), ...after]
    .map(byte => byte.padStart(2, '0'))
    .join(':');
}

/** `seed=NAME,...` with the names in full. */
export function expandSeeds(mode: string): string {
  const [kind, names] = mode.split(/=(.*)/s);
  return kind === 'seed' && names !== undefined
    ? `seed=${names.split(',').map(expandPeerName).join(',')}`
    : mode;
}
