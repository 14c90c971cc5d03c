const MAX_REMEMBERED = 1024;

/** Tells whether something about `key` may be said now: not again within `periodMs`. Remembers a bounded number. */
export function sparingly(periodMs: number, clock = () => performance.now()): (key: string) => boolean {
  const said = new Map<string, number>();
  return key => {
    const now = clock();
    const last = said.get(key);
    if (last !== undefined && now - last < periodMs) return false;
    said.delete(key);
    const oldest = said.size < MAX_REMEMBERED ? undefined : said.keys().next().value;
    if (oldest !== undefined) said.delete(oldest);
    said.set(key, now);
    return true;
  };
}
