import { ask } from '../src/api/control/client.ts';
import type { AddressReply } from '../src/api/control/contract.ts';
import { parseCidr } from '../src/core/address.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import type { Context } from './context.ts';

interface Words {
  readonly addresses: readonly string[];
  readonly container: string;
}

/** `ADDRESS... CONTAINER`, as Weave has it: the last word is the container. */
function readWords(words: readonly string[]): Result<Words> {
  const addresses = words.slice(0, -1);
  const wrong = addresses.find(word => parseCidr(word) === undefined);
  return wrong === undefined
    ? ok({ addresses, container: words.at(-1) ?? '' })
    : refuse({ code: 'bad-address', value: wrong });
}

/** `mesh attach ADDRESS... CONTAINER`: prints the addresses, without prefix, in one line. */
export async function attach(context: Context, words: readonly string[]): Promise<Result<void>> {
  const read = readWords(words);
  if (!read.ok) return read;
  if (read.value.addresses.length === 0 || read.value.container === '') {
    return refuse({ code: 'bad-usage', why: 'attach takes addresses and a container', command: 'attach' });
  }
  return printAddresses(context, await ask(context.socket, 'attach', read.value));
}

/** `mesh detach [ADDRESS...] CONTAINER`: prints what was detached as `attach` does. */
export async function detach(context: Context, words: readonly string[]): Promise<Result<void>> {
  const read = readWords(words);
  if (!read.ok) return read;
  const { container, addresses } = read.value;
  if (container === '' || parseCidr(container) !== undefined) {
    return refuse({ code: 'bad-usage', why: 'detach takes a container', command: 'detach' });
  }
  const request = addresses.length === 0 ? { container } : { container, addresses };
  return printAddresses(context, await ask(context.socket, 'detach', request));
}

function printAddresses(context: Context, reply: Result<AddressReply>): Result<void> {
  if (!reply.ok) return reply;
  const { addresses } = reply.value;
  context.print({ addresses }, addresses.map(address => address.split('/')[0]).join(' '));
  return ok(undefined);
}
