import { makeByHand, type Pair, type Underlay } from './hand-made.ts';
import { addNamespaces, attach, type Mesh } from './stage.ts';

/** The two ways between the first two hosts of a mesh: ours, and one made by hand. */
export interface Pairs {
  readonly ours: Pair;
  readonly byHand: Pair;
}

export async function makePairs({ members }: Pick<Mesh, 'members'>, underlay?: Underlay): Promise<Pairs> {
  const [a, b] = [members[0]!, members[1]!];
  const addresses = ['10.0.0.11', '10.0.0.12'] as const;
  for (const [index, member] of [a, b].entries()) {
    await addNamespaces(member.host, 'box', 1);
    await attach(member, 'box0', addresses[index]!);
  }
  const byHand = await makeByHand(a.host, b.host, underlay);
  for (const {
    namespace,
    addresses: [, to],
  } of [{ namespace: 'box0', addresses }, byHand]) {
    await a.host.succeed(['ip', 'netns', 'exec', namespace, 'ping', '-c', '3', '-i', '0.1', '-w', '5', to]);
  }
  return { ours: { namespace: 'box0', addresses }, byHand };
}

/** Runs `measure` on one way, then on the other, round after round, each first as often as second. */
export async function alternate<T>(
  rounds: number,
  pairs: Pairs,
  measure: (pair: Pair) => Promise<T>,
): Promise<{ readonly ours: readonly T[]; readonly byHand: readonly T[] }> {
  const ours: T[] = [];
  const byHand: T[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) ours.push(await measure(pairs.ours));
    byHand.push(await measure(pairs.byHand));
    if (round % 2 === 1) ours.push(await measure(pairs.ours));
  }
  return { ours, byHand };
}
