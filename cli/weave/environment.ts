import { ask } from '../../src/api/control/client.ts';
import { ok, type Result, refuse } from '../../src/core/errors.ts';
import type { Context } from '../context.ts';
import type { Outcome } from './refusal.ts';

const SAVED = 'ORIG_DOCKER_HOST';

/** `weave env`: where the proxy is, and what was there before, for a shell. */
export async function showEnvironment(context: Context): Promise<Outcome> {
  const address = await proxyAddress(context);
  if (!address.ok) return address;
  const before = context.env[SAVED] === undefined ? ` ${SAVED}=${context.env['DOCKER_HOST'] ?? ''}` : '';
  const text = `export DOCKER_HOST=${address.value}${before}`;
  context.print(text, text);
  return ok(undefined);
}

/** `weave env --restore` */
export function restoreEnvironment(context: Context): Outcome {
  const before = context.env[SAVED];
  if (before === undefined) return refuse({ code: 'nothing-to-restore' });
  const text = `DOCKER_HOST=${before}`;
  context.print(text, text);
  return ok(undefined);
}

/** `weave config`: for one command. */
export async function showConfig(context: Context): Promise<Outcome> {
  const address = await proxyAddress(context);
  if (!address.ok) return address;
  const text = `-H=${address.value}`;
  context.print(text, text);
  return ok(undefined);
}

/** The first; where it listens on all addresses, by the one that the user asks Docker at. */
async function proxyAddress({ socket, env }: Context): Promise<Result<string>> {
  const reply = await ask(socket, 'proxy');
  if (!reply.ok) return reply;
  const [first] = reply.value.addresses;
  if (first === undefined) return refuse({ code: 'proxy-off' });
  return ok(first.replace('//0.0.0.0:', `//${hostOf(env)}:`));
}

function hostOf(env: Context['env']): string {
  const asked = env[SAVED] || env['DOCKER_HOST'] || '';
  return env['PROXY_HOST'] || /^tcp:\/\/(.*):\d+$/.exec(asked)?.[1] || '127.0.0.1';
}
