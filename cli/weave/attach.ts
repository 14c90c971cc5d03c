import { ask } from '../../src/api/control/client.ts';
import { ok, type Result, refuse } from '../../src/core/errors.ts';
import type { Report } from '../../src/core/report.ts';
import type { Context } from '../context.ts';
import { attachedOf, HOST } from '../render/attached.ts';
import { type AddressWord, bare, meant, readAddressWords, requestOf } from './addresses.ts';
import { type ExtraHosts, rewriteHosts } from './hosts.ts';

export interface AttachFlags extends ExtraHosts {
  readonly withoutDns?: boolean;
  readonly multicastRoute?: boolean;
}

/** The default subnet, and what is attached here: who is meant by what users call it. */
interface Known {
  readonly defaultSubnet: string | undefined;
  held(container: string): readonly string[];
}

/** `weave attach [ADDRESS...] CONTAINER`: prints the addresses. */
export async function attach(
  context: Context,
  words: readonly string[],
  flags: AttachFlags,
): Promise<Result<void>> {
  const read = readAddressWords(words.slice(0, -1));
  if (!read.ok) return read;
  const container = words.at(-1) ?? '';
  const reply = await ask(context.socket, 'attach', {
    container,
    ...requestOf(read.value),
    ...(flags.withoutDns ? { withoutDns: true } : {}),
    ...(flags.multicastRoute === false ? { withoutMulticast: true } : {}),
  });
  if (!reply.ok) return reply;
  const known = await look(context);
  if (!known.ok) return known;
  const given = meant(read.value, reply.value.addresses, known.value.defaultSubnet);
  const hosts = flags.rewriteHosts ? await rewriteHosts(context, container, given, flags) : ok(undefined);
  if (!hosts.ok) return hosts;
  context.print(given, bare(given));
  return ok(undefined);
}

/** `weave detach [ADDRESS...] CONTAINER`: prints what it had of these. */
export async function detach(context: Context, words: readonly string[]): Promise<Result<void>> {
  const container = words.at(-1) ?? '';
  return takeAway(context, words.slice(0, -1), container, addresses =>
    ask(context.socket, 'detach', { container, addresses }),
  );
}

/** `weave expose [ADDRESS...] [-h NAME] [--without-masquerade]` */
export async function expose(
  context: Context,
  words: readonly string[],
  { name: names = [], masquerade }: { readonly name?: readonly string[]; readonly masquerade: boolean },
): Promise<Result<void>> {
  const read = readAddressWords(words);
  if (!read.ok) return read;
  const reply = await ask(context.socket, 'expose', { ...requestOf(read.value), names, masquerade });
  if (!reply.ok) return reply;
  const known = await look(context);
  if (!known.ok) return known;
  const given = meant(read.value, reply.value.addresses, known.value.defaultSubnet);
  context.print(given, bare(given));
  return ok(undefined);
}

/** `weave hide [ADDRESS...]`: prints what this host had of these. */
export async function hide(context: Context, words: readonly string[]): Promise<Result<void>> {
  return takeAway(context, words, HOST, addresses => ask(context.socket, 'hide', { addresses }));
}

/** What is not there is gone already: neither asks for an address, nor waits for one. */
async function takeAway(
  context: Context,
  words: readonly string[],
  container: string,
  take: (addresses: readonly string[]) => Promise<Result<unknown>>,
): Promise<Result<void>> {
  const read = readAddressWords(words);
  if (!read.ok) return read;
  const known = await look(context);
  if (!known.ok) return known;
  const addresses = meant(read.value, known.value.held(container), known.value.defaultSubnet);
  const taken = addresses.length === 0 ? await exists(context, container, read.value) : await take(addresses);
  if (!taken.ok) return taken;
  context.print(addresses, bare(addresses));
  return ok(undefined);
}

/** The router says of a container that it does not know what is wrong with the name. */
async function exists(
  { socket }: Context,
  container: string,
  words: readonly AddressWord[],
): Promise<Result<unknown>> {
  if (container === HOST) return ok(undefined);
  const { addresses } = requestOf(words);
  const asked = await ask(socket, 'detach', { container, ...(addresses.length > 0 && { addresses }) });
  return asked.ok || asked.problem.code === 'not-attached' ? ok(undefined) : refuse(asked.problem);
}

async function look({ socket }: Context): Promise<Result<Known>> {
  const report = await ask(socket, 'report');
  return report.ok ? ok(knownOf(report.value)) : report;
}

function knownOf(report: Report): Known {
  const all = attachedOf(report);
  return {
    defaultSubnet: report.ipam?.defaultSubnet,
    held: name =>
      all
        .filter(({ container, containerName }) => containerName === name || container.startsWith(name))
        .flatMap(({ addresses }) => addresses),
  };
}
