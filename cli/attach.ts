import { ask } from '../src/api/control/client.ts';
import type { AddressReply } from '../src/api/control/contract.ts';
import { parseCidr } from '../src/core/address.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import type { Context } from './context.ts';

interface Words {
  readonly addresses: readonly string[];
  readonly subnets: readonly string[];
  readonly container: string;
}

/** In front of a subnet, or `default`: an address in it is asked for, whichever is free. */
const NET = 'net:';

/** Addresses, and subnets to take one from. */
export function readAddresses(given: readonly string[]): Result<Omit<Words, 'container'>> {
  const subnets = given.filter(word => word.startsWith(NET)).map(word => word.slice(NET.length));
  const addresses = given.filter(word => !word.startsWith(NET));
  const isWrong = (word: string): boolean => parseCidr(word) === undefined;
  const wrong = addresses.find(isWrong) ?? subnets.find(word => word !== 'default' && isWrong(word));
  return wrong === undefined ? ok({ addresses, subnets }) : refuse({ code: 'bad-address', value: wrong });
}

/** `ADDRESS... CONTAINER`, as Weave has it: the last word is the container. */
function readWords(words: readonly string[]): Result<Words> {
  const read = readAddresses(words.slice(0, -1));
  return read.ok ? ok({ ...read.value, container: words.at(-1) ?? '' }) : read;
}

/** Whether the last word is an address where the container should be. */
const isNoContainer = (word: string): boolean =>
  word === '' || word.startsWith(NET) || parseCidr(word) !== undefined;

export interface AttachFlags {
  readonly name?: readonly string[];
  readonly network?: string;
  /** False: `--without-dns`. */
  readonly dns?: boolean;
}

/** `mesh attach [ADDRESS...] CONTAINER`: prints the addresses, without prefix, in one line. */
export async function attach(
  context: Context,
  words: readonly string[],
  flags: AttachFlags,
): Promise<Result<void>> {
  const read = readWords(words);
  if (!read.ok) return read;
  if (isNoContainer(read.value.container))
    return refuse({ code: 'bad-usage', why: 'attach takes a container', command: 'attach' });
  const { name: names = [], dns, network } = flags;
  const place = network === undefined ? {} : { network };
  const naming = { ...(names.length === 0 ? {} : { names }), ...(dns === false ? { withoutDns: true } : {}) };
  return printAddresses(context, await ask(context.socket, 'attach', { ...read.value, ...place, ...naming }));
}

/** `mesh detach [ADDRESS...] CONTAINER`: prints what was detached as `attach` does. */
export async function detach(
  context: Context,
  words: readonly string[],
  network?: string,
): Promise<Result<void>> {
  const read = readWords(words);
  if (!read.ok) return read;
  const { container, addresses, subnets } = read.value;
  if (isNoContainer(container) || subnets.length > 0) {
    return refuse({ code: 'bad-usage', why: 'detach takes a container', command: 'detach' });
  }
  const request = {
    container,
    ...(network === undefined ? {} : { network }),
    ...(addresses.length === 0 ? {} : { addresses }),
  };
  return printAddresses(context, await ask(context.socket, 'detach', request));
}

/** Without prefix, in one line. */
export function printAddresses(context: Context, reply: Result<AddressReply>): Result<void> {
  if (!reply.ok) return reply;
  const { addresses } = reply.value;
  context.print({ addresses }, addresses.map(address => address.split('/')[0]).join(' '));
  return ok(undefined);
}
