import { expect, it } from 'vitest';
import { compare, KINDS, kindOf, lineOf } from '../support/proxy-diff/compare.ts';
import { CONVERSATIONS, record } from '../support/proxy-diff/recording.ts';

/** Each of the three times takes half a minute on a quiet machine. */
const PATIENCE_MS = 400_000;

it('a client sees of the proxy only what it is for', { timeout: PATIENCE_MS }, async () => {
  const { engine, engineAgain, proxy } = await record();
  expect(engine.length).toBeGreaterThanOrEqual(CONVERSATIONS);
  expect(compare(engine, engineAgain).map(lineOf)).toEqual([]);
  const differences = compare(engineAgain, proxy);
  expect(differences.filter(each => kindOf(each) === undefined).map(lineOf)).toEqual([]);
  // What it is for is seen, too.
  expect([...new Set(differences.map(kindOf))].sort()).toEqual([...KINDS].sort());
});
