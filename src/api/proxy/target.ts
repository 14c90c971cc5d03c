import type { RequestHead } from './head.ts';

/** What a request is about, as the engine understands its target. */
export interface Target {
  /** Without version, in its parts: `/v1.41/containers/create` is `containers`, `create`. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

/** Undefined where the engine would not know it either. */
export function readTarget({ target }: RequestHead): Target | undefined {
  // Some clients write the whole address.
  const [path = '', query = ''] = target.replace(/^[a-zA-Z][a-zA-Z\d+.-]*:\/\/[^/?]*/, '').split(/\?(.*)/s);
  try {
    const decoded = decodeURIComponent(path).replace(/^\/v[\d.]+(?=\/)/, '');
    return decoded.startsWith('/')
      ? { parts: decoded.slice(1).split('/'), query: new URLSearchParams(query) }
      : undefined;
  } catch {
    return undefined;
  }
}
