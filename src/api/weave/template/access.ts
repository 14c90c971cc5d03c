import { Flaw } from './flaw.ts';
import { isMap, isNothing, isObject, keysOf, kindOf } from './show.ts';

/** Undefined for what has no elements. */
export function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] | undefined {
  if (isNothing(value)) return [];
  if (Array.isArray(value)) return [...value.entries()];
  return isMap(value) ? keysOf(value).map(key => [key, value[key]]) : undefined;
}

const MOST_NAMES = 20;

/** Only fields of its own: nothing that objects inherit can be reached. */
export function fieldOf(value: unknown, name: string, at: number): unknown {
  if (isObject(value)) {
    if (Object.hasOwn(value, name)) return value[name];
    if (isMap(value)) return undefined;
    const names = Object.keys(value);
    const more = names.length > MOST_NAMES ? ' and more' : '';
    const there =
      names.length === 0 ? 'there are none' : `there are ${names.slice(0, MOST_NAMES).join(', ')}`;
    throw new Flaw(at, `can't evaluate field ${name}; ${there}${more}`);
  }
  const cure = isNothing(value) ? 'ask with "if" first whether it is there' : 'only objects have fields';
  throw new Flaw(at, `can't evaluate field ${name} of ${kindOf(value)}; ${cure}`);
}
