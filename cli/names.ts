import { ask } from '../src/api/control/client.ts';
import { DNS_PORT } from '../src/api/control/dns-options.ts';
import { parseIpv4 } from '../src/core/address.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import type { Context } from './context.ts';

/** `mesh dns-add|dns-remove [--network NAME] [ADDRESS...] [CONTAINER] [-h NAME]`: prints nothing. */
export async function changeNames(
  context: Context,
  command: 'dns-add' | 'dns-remove',
  words: readonly string[],
  { name: names = [], network }: { readonly name?: readonly string[]; readonly network?: string },
): Promise<Result<void>> {
  const last = words.at(-1) ?? '';
  const container = parseIpv4(last) === undefined ? last : undefined;
  const addresses = container === undefined ? words : words.slice(0, -1);
  if (container === '')
    return refuse({ code: 'bad-usage', why: `${command} takes a container or addresses`, command });
  if (container === undefined && names.length === 0 && command === 'dns-add')
    return refuse({ code: 'bad-usage', why: 'an address by itself takes a name: -h NAME', command });
  const request = { container, addresses, names, ...(network === undefined ? {} : { network }) };
  const reply = await ask(context.socket, command === 'dns-add' ? 'name' : 'unname', request);
  if (reply.ok) context.print({}, '');
  return reply;
}

/** `mesh dns-lookup NAME`: one address a line, nothing where there is none. */
export async function lookUp(context: Context, name: string): Promise<Result<void>> {
  const reply = await ask(context.socket, 'lookup', { name });
  if (!reply.ok) return reply;
  context.print(reply.value, reply.value.addresses.join('\n'));
  return ok(undefined);
}

/** `mesh dns-args`: what `docker run` takes to have a container ask this host; nothing where it answers no questions. */
export async function dnsArguments(context: Context): Promise<Result<void>> {
  const reply = await ask(context.socket, 'dns');
  if (!reply.ok) return reply;
  const { server, zone } = reply.value;
  const place = server?.listening.find(({ inSwitch, port }) => !inSwitch && port === DNS_PORT);
  const words = place === undefined ? [] : [`--dns=${place.address}`, `--dns-search=${zone}`];
  context.print(words, words.join(' '));
  return ok(undefined);
}
