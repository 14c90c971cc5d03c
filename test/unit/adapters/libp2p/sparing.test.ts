import { expect, test } from 'vitest';
import { sparingly } from '../../../../src/adapters/libp2p/sparing.ts';

test('each key once a period', () => {
  let now = 0;
  const may = sparingly(60_000, () => now);
  expect([may('a'), may('a'), may('b')]).toEqual([true, false, true]);
  now = 59_999;
  expect(may('a')).toBe(false);
  now = 60_000;
  expect([may('a'), may('a')]).toEqual([true, false]);
});

test('what it remembers is bounded', () => {
  const may = sparingly(60_000, () => 0);
  for (let key = 0; key < 5000; key++) expect(may(`${key}`)).toBe(true);
  expect([may('4999'), may('0')]).toEqual([false, true]);
});
