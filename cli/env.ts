import { ask } from '../src/api/control/client.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import type { Context } from './context.ts';

/** What it was before, under this prefix; empty where it was not set. */
const SAVED = 'ORIG_';
const HOST = 'DOCKER_HOST';
/** On its socket the proxy speaks no TLS, which a client would insist on that found this set. */
const TLS = 'DOCKER_TLS_VERIFY';

/** `mesh env`: what a shell has to be told for "docker" to ask the proxy; made for `eval $(mesh env)`. */
export async function showEnvironment(context: Context): Promise<Result<void>> {
  const address = await proxyAddress(context);
  if (!address.ok) return address;
  const { env } = context;
  const isTurned = env[SAVED + HOST] !== undefined;
  const before = env[HOST] === address.value ? '' : (env[HOST] ?? '');
  const tls = env[TLS] ?? '';
  const set = {
    [HOST]: address.value,
    ...(!isTurned && { [SAVED + HOST]: before }),
    ...(tls !== '' && { [SAVED + TLS]: tls }),
  };
  context.print(set, [exported(set), ...(tls === '' ? [] : [`unset ${TLS}`])].join('; '));
  return ok(undefined);
}

/** `mesh env --restore`: what takes that back. */
export async function restoreEnvironment(context: Context): Promise<Result<void>> {
  const { env } = context;
  if (env[SAVED + HOST] === undefined) return refuse({ code: 'nothing-to-restore' });
  const names = [HOST, TLS].filter(name => env[SAVED + name] !== undefined);
  const set = Object.fromEntries(names.map(name => [name, env[SAVED + name] ?? '']));
  const kept = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== ''));
  const gone = [...names.filter(name => set[name] === ''), ...names.map(name => SAVED + name)];
  const commands = Object.keys(kept).length === 0 ? [] : [exported(kept)];
  context.print(set, [...commands, `unset ${gone.join(' ')}`].join('; '));
  return ok(undefined);
}

/** `mesh config`: the same for one command, as in `docker $(mesh config) ps`. */
export async function showConfig(context: Context): Promise<Result<void>> {
  const address = await proxyAddress(context);
  if (!address.ok) return address;
  const words = [`-H=${address.value}`];
  context.print(words, words.join(' '));
  return ok(undefined);
}

async function proxyAddress({ socket }: Context): Promise<Result<string>> {
  const reply = await ask(socket, 'proxy');
  if (!reply.ok) return reply;
  const [first] = reply.value.addresses;
  return first === undefined ? refuse({ code: 'proxy-off' }) : ok(first);
}

function exported(values: Readonly<Record<string, string>>): string {
  return `export ${Object.entries(values)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(' ')}`;
}

/** As one word of a shell. */
const quoted = (text: string): string =>
  /^[\w.:/@%+-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
