/**
 * How long a property is tried, for fast-check: the same cases in every run, so that a failure is never somebody
 * else's. MESH_SEED=N tries others, MESH_EFFORT=N that many times more.
 */
export function campaign(seed: number, numRuns: number): { readonly seed: number; readonly numRuns: number } {
  const { MESH_SEED, MESH_EFFORT } = process.env;
  return { seed: Number(MESH_SEED ?? seed), numRuns: numRuns * Number(MESH_EFFORT ?? 1) };
}
