import { ask } from '../src/api/control/client.ts';
import { type Result, refuse } from '../src/core/errors.ts';
import { printAddresses, readAddresses } from './attach.ts';
import type { Context } from './context.ts';

export interface ExposeFlags {
  readonly name: readonly string[];
  readonly masquerade: boolean;
}

/** `mesh expose [ADDRESS...] [-h NAME] [--without-masquerade]`: prints the addresses as `attach` does. */
export async function expose(
  context: Context,
  words: readonly string[],
  { name: names, masquerade }: ExposeFlags,
): Promise<Result<void>> {
  const read = readAddresses(words);
  if (!read.ok) return read;
  return printAddresses(context, await ask(context.socket, 'expose', { ...read.value, names, masquerade }));
}

/** `mesh hide [ADDRESS...]`: prints what this host has no more. */
export async function hide(context: Context, words: readonly string[]): Promise<Result<void>> {
  const read = readAddresses(words);
  if (!read.ok) return read;
  const { addresses, subnets } = read.value;
  if (subnets.length > 0) return refuse({ code: 'bad-usage', why: 'hide takes addresses', command: 'hide' });
  return printAddresses(
    context,
    await ask(context.socket, 'hide', addresses.length === 0 ? {} : { addresses }),
  );
}
