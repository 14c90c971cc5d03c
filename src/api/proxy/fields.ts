import { Refused } from './exchange.ts';
import { type Fields, fieldName, fieldOf, isFields } from './json.ts';

/** What the field is called. A body in which it stands several times could mean several things. */
export function one(fields: Fields, name: string): string {
  const found = fieldName(fields, name);
  if (found === undefined) throw new Refused(400, `${name} stands several times in the body of the request`);
  return found;
}

export const read = (fields: Fields, name: string): unknown => fieldOf(fields, one(fields, name));

/** Undefined where it is something else than an object. */
export function part(fields: Fields, name: string): Fields | undefined {
  const value = read(fields, name) ?? {};
  return isFields(value) ? value : undefined;
}
