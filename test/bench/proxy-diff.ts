import { compare, kindOf, lineOf } from '../support/proxy-diff/compare.ts';
import { CONVERSATIONS, record } from '../support/proxy-diff/recording.ts';
import type { Figure } from './measure.ts';

/** What a client of the proxy sees otherwise than a client of the engine, and should not. */
export async function run(): Promise<readonly Figure[]> {
  const { engine, engineAgain, proxy } = await record();
  if (engine.length < CONVERSATIONS) throw new Error(`there are ${engine.length} conversations only`);
  const noise = compare(engine, engineAgain);
  const all = compare(engineAgain, proxy);
  const differences = all.filter(each => kindOf(each) === undefined);
  for (const each of differences) process.stderr.write(`${lineOf(each)}\n`);
  const against = 'conversations that were had with the engine itself, too';
  const detail = {
    conversations: engine.length,
    'differences of two times with the engine': noise.length,
    'differences that the proxy is for': all.length - differences.length,
  };
  const common = { unit: 'differences', ours: [differences.length], theirs: [engine.length], against };
  return [{ ...common, bench: 'proxy-diff', detail, limited: 'value', limit: 0, must: 'at-most' }];
}
