import { ask } from '../../src/api/control/client.ts';
import { parseIpv4 } from '../../src/core/address.ts';
import type { Problem, Result } from '../../src/core/errors.ts';
import type { Context } from '../context.ts';
import { type Outcome, refused } from './refusal.ts';

/** Which of them says that an address is not the container's, or nobody's here. */
const ELSEWHERE: ReadonlySet<Problem['code']> = new Set(['not-attached', 'name-outside']);

/** `weave dns-add|dns-remove [IP...] [CONTAINER] [-h NAME]`: names outside the zone are nobody's business, as with Weave. */
export async function changeNames(
  context: Context,
  command: 'dns-add' | 'dns-remove',
  words: readonly string[],
  names: readonly string[],
  usage: string,
): Promise<Outcome> {
  const isAddress = (word: string): boolean => parseIpv4(word) !== undefined;
  const addresses = words.filter(isAddress);
  const [container, ...more] = words.filter(word => !isAddress(word));
  if (more.length > 0 || words.length === 0) return refused(usage);
  if (container === undefined && names.length === 0) return refused(usage);
  const call = command === 'dns-add' ? 'name' : 'unname';
  const send = (given: string | undefined): Promise<Result<void>> =>
    ask(context.socket, call, { container: given, addresses, names });
  const reply = await send(container);
  if (reply.ok || !ELSEWHERE.has(reply.problem.code)) return reply;
  // An address that the container has not is named by itself.
  return reply.problem.code === 'not-attached' && addresses.length > 0
    ? send(undefined)
    : { ok: true, value: undefined };
}
