import { expect, it } from 'vitest';
import { fuzzSockets } from '../../fuzz/dns-sockets.ts';

/** The long campaign asks for a million. */
const MUTANTS = Number(process.env['MESH_TEST_MUTANTS'] ?? 5_000);

it(`a server gets ${MUTANTS} mutants through its sockets, and goes on`, {
  timeout: 30_000 + MUTANTS,
}, async () => {
  const { answers, sent } = await fuzzSockets(MUTANTS, 7);
  console.info(`${sent} mutants, ${answers} answers`);
  expect(sent).toBeGreaterThanOrEqual(MUTANTS);
  expect(answers).toBeGreaterThan(MUTANTS / 5);
});
