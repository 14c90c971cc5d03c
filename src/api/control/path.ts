/**
 * Paths with parameters: `{owner}` stands for one segment, percent-encoded; `{subnet...}` at the end for all that is
 * left, since an address with its prefix has a slash in it.
 */

export type Parameters = Readonly<Record<string, string>>;

const PARAMETER = /\{(\w+)(\.\.\.)?\}/g;

/** An expression that only paths of `pattern` match, with a group for each parameter. */
export function compilePath(pattern: string): RegExp {
  const source = pattern.replace(PARAMETER, (_, name, rest) => `(?<${name}>${rest ? '.+' : '[^/]+'})`);
  return new RegExp(`^${source}$`);
}

/** The parameters of `path`, or undefined where it is another path than what was compiled. */
export function matchPath(compiled: RegExp, path: string): Parameters | undefined {
  const found = compiled.exec(path);
  if (found === null) return undefined;
  try {
    return Object.fromEntries(
      Object.entries(found.groups ?? {}).map(([name, text]) => [name, decodeURIComponent(text)]),
    );
  } catch {
    return undefined;
  }
}

/** The first of `patterns` that `request` has all parameters of, filled in, and what is left of the request. */
export function fillPath(
  patterns: readonly string[],
  request: Readonly<Record<string, unknown>>,
): { readonly path: string; readonly body: Readonly<Record<string, unknown>> } {
  const namesOf = (pattern: string): string[] => [...pattern.matchAll(PARAMETER)].map(([, name]) => name!);
  const isFilled = (pattern: string): boolean => namesOf(pattern).every(name => request[name] !== undefined);
  const pattern = patterns.find(isFilled) ?? '/';
  const names = namesOf(pattern);
  return {
    path: pattern.replace(PARAMETER, (_, name, rest) => {
      const text = encodeURIComponent(String(request[name]));
      return rest ? text.replaceAll('%2F', '/') : text;
    }),
    body: Object.fromEntries(Object.entries(request).filter(([name]) => !names.includes(name))),
  };
}
