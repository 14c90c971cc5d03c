import type { Log } from '../../src/ports/log.ts';

interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly subsystem: string;
  readonly message: string;
  readonly data: object | undefined;
}

export interface FakeLog extends Log {
  /** All lines so far, its children's too. */
  readonly lines: readonly LogLine[];
}

/** A log that only remembers. */
export function createFakeLog(): FakeLog {
  const lines: LogLine[] = [];
  const under = (subsystem: string): FakeLog => ({
    lines,
    debug: (message, data) => void lines.push({ level: 'debug', subsystem, message, data }),
    info: (message, data) => void lines.push({ level: 'info', subsystem, message, data }),
    warn: (message, data) => void lines.push({ level: 'warn', subsystem, message, data }),
    error: (message, data) => void lines.push({ level: 'error', subsystem, message, data }),
    child: name => under(subsystem === '' ? name : `${subsystem}:${name}`),
  });
  return under('');
}
