import type { RequestHead } from './head.ts';

/** What a request is about, as the engine understands its target. */
export interface Target {
  /** Without version, in its parts: `/v1.41/containers/create` is `containers`, `create`. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

const VERSION = /^\/v[\d.]+(?=\/)/;

/** Some clients write the whole address. */
const withoutHost = (target: string): string => target.replace(/^[a-zA-Z][a-zA-Z\d+.-]*:\/\/[^/?]*/, '');

/** How the paths of the version begin that a request is in, e.g. `/v1.41`; empty where it names none. */
export function versionOf({ target }: RequestHead): string {
  return VERSION.exec(withoutHost(target))?.[0] ?? '';
}

/** Undefined where the engine would not know it either. */
export function readTarget({ target }: RequestHead): Target | undefined {
  const [path = '', query = ''] = withoutHost(target).split(/\?(.*)/s);
  try {
    const decoded = decodeURIComponent(path).replace(VERSION, '');
    return decoded.startsWith('/')
      ? { parts: decoded.slice(1).split('/'), query: new URLSearchParams(query) }
      : undefined;
  } catch {
    return undefined;
  }
}
