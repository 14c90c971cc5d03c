import { describe } from '../../core/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { Engine } from './engine.ts';

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 10_000;

interface Following {
  readonly engine: Pick<Engine, 'follow'>;
  readonly log: Log;
  /** As the Engine API has them. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly onLine: (line: string) => void;
  /** It has got hold of the engine, for the first time or again: what happened before is not told. */
  readonly onHold: () => void;
}

/** An engine's events, which may come later, go and come back; until the returned function is called. */
export function followEvents({ engine, log, filters, onLine, onHold }: Following): () => void {
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
    const path = `/events?filters=${encodeURIComponent(JSON.stringify(filters))}`;
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
