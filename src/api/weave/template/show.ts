/**
 * Values as Go prints them. What a template is filled in with is JSON, and of that an object without a prototype is a map,
 * whose keys may be missing; any other object has the fields that it has.
 */

export const isNothing = (value: unknown): value is undefined | null => value === undefined || value === null;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isMap = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && Object.getPrototypeOf(value) === null;

/** An action's value: what is not there shows as `<no value>`. */
export const showAlone = (value: unknown): string => (isNothing(value) ? '<no value>' : show(value));

/** `%v`: lists as `[a b]`, maps as `map[k:v]`, objects as `{a b}`. */
export function show(value: unknown): string {
  if (isNothing(value)) return '<nil>';
  if (typeof value === 'number') return showNumber(value);
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (isMap(value))
    return `map[${keysOf(value)
      .map(key => `${key}:${show(value[key])}`)
      .join(' ')}]`;
  if (isObject(value)) return `{${Object.values(value).map(show).join(' ')}}`;
  return String(value);
}

/** Go writes at least two digits of an exponent, and has one below 0.0001. */
function showNumber(value: number): string {
  const isSmall = value !== 0 && Math.abs(value) < 1e-4;
  const text = isSmall ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, (_, sign, digit) => `e${sign}0${digit}`);
}

/** In the order in which Go goes through a map. */
export const keysOf = (map: Record<string, unknown>): readonly string[] => Object.keys(map).sort();

/** False, zero, nothing, and what is empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** What a value is, for a person. */
export function kindOf(value: unknown): string {
  if (isNothing(value)) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (isMap(value)) return 'a map';
  if (isObject(value)) return 'an object';
  return typeof value === 'string' ? 'text' : typeof value === 'number' ? 'a number' : 'true or false';
}
