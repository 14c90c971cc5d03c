import pino, { type Logger } from 'pino';
import type { Log } from '../ports/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  /** Less than this is not written. */
  readonly level: LogLevel;
  /** Takes one line, with its line feed. What it throws is swallowed: a full disk must not stop the router. */
  readonly write: (line: string) => void;
}

/** A pino line as it arrives here, before it is put into words. */
interface Entry {
  readonly level: LogLevel;
  readonly time: number;
  readonly msg: string;
  readonly subsystem?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A log of lines for people: `2026-03-01T12:00:00.000Z info  store: took the last good copy path=/var/lib/mesh`. */
export function createLog(options: LogOptions): Log {
  const destination = {
    write(json: string): void {
      try {
        options.write(`${formatEntry(JSON.parse(json) as Entry)}\n`);
      } catch {
        // Nowhere left to say it.
      }
    },
  };
  const logger = pino(
    {
      level: options.level,
      base: null,
      // Data under a key of its own can't overwrite the level, the time or the sentence.
      nestedKey: 'data',
      formatters: { level: label => ({ level: label }) },
    },
    destination,
  );
  return wrap(logger, undefined);
}

function wrap(logger: Logger, subsystem: string | undefined): Log {
  return {
    debug: (message, data) => logger.debug(plain(data), message),
    info: (message, data) => logger.info(plain(data), message),
    warn: (message, data) => logger.warn(plain(data), message),
    error: (message, data) => logger.error(plain(data), message),
    child(name) {
      const path = subsystem === undefined ? name : `${subsystem}:${name}`;
      return wrap(logger.child({ subsystem: path }), path);
    },
  };
}

/** Errors have no fields of their own to list: they are told by what they say. */
function plain(data: object | undefined): object {
  if (data === undefined) return {};
  if (data instanceof Error) return { error: String(data) };
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, value instanceof Error ? String(value) : value]),
  );
}

function formatEntry(entry: Entry): string {
  const head = `${new Date(entry.time).toISOString()} ${entry.level.padEnd(5)}`;
  const subsystem = entry.subsystem === undefined ? '' : ` ${entry.subsystem}:`;
  const pairs = Object.entries(entry.data ?? {}).map(([key, value]) => ` ${key}=${formatValue(value)}`);
  return printable(`${head}${subsystem} ${entry.msg}${pairs.join('')}`);
}

/** Plain where it reads as one word; else as JSON, so that nobody mistakes part of a value for another pair. */
function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

/** Other hosts' words end up in the log: none of them may start a line or steer the terminal that shows it. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, found => {
    return `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
