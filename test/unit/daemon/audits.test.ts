import { expect, it } from 'vitest';
import { startAudits } from '../../../src/daemon/audits.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeLog } from '../../support/fake-log.ts';

it('audits again and again, and remembers for an hour what was mended', async () => {
  const clock = createFakeClock();
  const log = createFakeLog();
  const sentences = [['the bridge was missing'], [], ['the MTU was not 1450']];
  const audits = startAudits({ audit: async () => sentences.shift() ?? [] }, clock, log);
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await Promise.resolve();
    await Promise.resolve();
  };
  expect(audits.mended()).toEqual([]);
  for (let turn = 0; turn < 3; turn += 1) await advance(10_000);
  expect(audits.mended()).toEqual([
    { what: 'the MTU was not 1450', agoMs: 0 },
    { what: 'the bridge was missing', agoMs: 20_000 },
  ]);
  expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'warn the bridge was missing',
    'warn the MTU was not 1450',
  ]);
  audits.stop();
  sentences.push(['never looked at']);
  await advance(3_590_000);
  expect(audits.mended()).toEqual([{ what: 'the MTU was not 1450', agoMs: 3_590_000 }]);
});
