import { ask } from '../src/api/control/client.ts';
import { ok, type Result } from '../src/core/errors.ts';
import type { Context } from './context.ts';
import { type Attached, attachedOf, renderAttached } from './render/attached.ts';

/** `mesh ps [CONTAINER...]`: what is attached here; of those named, what is not attached is left out. */
export async function ps(context: Context, names: readonly string[]): Promise<Result<void>> {
  const reply = await ask(context.socket, 'report');
  if (!reply.ok) return reply;
  const all = attachedOf(reply.value);
  if (names.length === 0) {
    context.print(all, all.map(each => renderAttached(each)).join('\n'));
    return ok(undefined);
  }
  const found = names.flatMap(name => find(all, name).map(attached => ({ name, attached })));
  context.print(
    found.map(({ attached }) => attached),
    found.map(({ name, attached }) => renderAttached(attached, name)).join('\n'),
  );
  return ok(undefined);
}

/** By name or id; else by a prefix of an id that only one has. On several networks of an engine, it has as many endpoints. */
function find(all: readonly Attached[], name: string): readonly Attached[] {
  const exact = all.filter(({ container, containerName }) => container === name || containerName === name);
  const similar = all.filter(({ container }) => container.startsWith(name));
  return exact.length > 0 || similar.length > 1 ? exact : similar;
}
