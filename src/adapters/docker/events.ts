import { describe } from '../../core/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { Engine } from './engine.ts';

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 10_000;

/** As the engine takes them: only events that are one of each. */
export type EventFilters = Readonly<Record<string, readonly string[]>>;

/**
 * Hands on the lines of an engine's events until the returned function is called. The engine may come later, go and come
 * back; `onHold` is called whenever it has been got hold of, the first time as well.
 */
export function followEvents(
  engine: Engine,
  filters: EventFilters,
  log: Log,
  onLine: (line: string) => void,
  onHold: () => void,
): () => void {
  const path = `/events?filters=${encodeURIComponent(JSON.stringify(filters))}`;
  let stopped = false;
  let close: (() => void) | undefined;
  let retry: NodeJS.Timeout | undefined;
  let delay = FIRST_RETRY_MS;
  let absent = false;

  function later(): void {
    if (stopped) return;
    retry = setTimeout(() => void connect(), delay);
    delay = Math.min(delay * 2, LONGEST_RETRY_MS);
  }

  async function connect(): Promise<void> {
    const followed = await engine.follow(path, onLine, () => {
      log.warn('the Docker engine went away; waiting for it');
      absent = true;
      later();
    });
    if (stopped) {
      if (followed.ok) followed.value();
      return;
    }
    if (!followed.ok) {
      if (!absent) log.info('no Docker engine yet; waiting for it', { why: describe(followed.problem) });
      absent = true;
      later();
      return;
    }
    close = followed.value;
    delay = FIRST_RETRY_MS;
    absent = false;
    onHold();
  }

  void connect();
  return () => {
    stopped = true;
    clearTimeout(retry);
    close?.();
  };
}
