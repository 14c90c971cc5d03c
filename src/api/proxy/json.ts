import { isObject } from '../../core/json.ts';

/**
 * JSON as the engine reads it: numbers keep all their digits, and a field may be written in capitals or not. A body in which one
 * field stands twice is none: which of them the engine takes is not ours to guess.
 */
export type Fields = Readonly<Record<string, unknown>>;

interface ExactJson {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
}

const exact = JSON as unknown as ExactJson;

/** The object in `text`; undefined where it is none, or one that could be read in two ways. */
export function parseFields(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text, ((_key: string, part: unknown, { source }: { source: string }) =>
      typeof part === 'number' ? exact.rawJSON(source) : part) as never);
    return isFields(value) && !hasTwins(text) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A number is an object here, too. */
export function isFields(value: unknown): value is Fields {
  return isObject(value) && !exact.isRawJSON(value);
}

/** The field as whoever wrote it called it; `name` where there is none. Undefined where there are several. */
export function fieldName(fields: Fields, name: string): string | undefined {
  const found = Object.keys(fields).filter(key => fold(key) === fold(name));
  return found.length > 1 ? undefined : (found[0] ?? name);
}

export function fieldOf(fields: Fields, name: string): unknown {
  return fields[fieldName(fields, name) ?? ''];
}

/** The engine takes these two letters for "s" and "k", too. */
function fold(name: string): string {
  return name.replaceAll('\u017f', 's').replaceAll('\u212a', 'k').toLowerCase();
}

/** Whether an object in a text that is JSON has a key twice. */
function hasTwins(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token.endsWith(':')) {
      const key: string = JSON.parse(token.slice(0, -1));
      const keys = open.at(-1);
      if (keys?.has(key)) return true;
      keys?.add(key);
    }
  }
  return false;
}
