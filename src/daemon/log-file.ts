import { closeSync, fstatSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs';

export interface LogFile {
  /** Appends one line at once; never throws. */
  write(line: string): void;
  close(): void;
}

const LOG_FILE_LIMIT = 5 * 1024 * 1024;

/**
 * A log file of at most `limit` bytes and one predecessor, `PATH.1`. Lines that the disk can't take are counted,
 * and the count is written once there is room again. Written synchronously, so that the last words before a crash are there.
 */
export function openLogFile(path: string, limit = LOG_FILE_LIMIT): LogFile {
  let file: number | undefined;
  let size = 0;
  let lost = 0;
  /** A line was cut short by a full disk: the next one must not be glued to it. */
  let cut = false;

  function open(): number {
    const opened = openSync(path, 'a', 0o600);
    size = fstatSync(opened).size;
    return opened;
  }

  function rotate(opened: number): number {
    try {
      renameSync(path, `${path}.1`);
    } catch {
      // The limit holds even where renaming is refused.
      ftruncateSync(opened);
      size = 0;
      return opened;
    }
    closeSync(opened);
    file = undefined;
    return open();
  }

  function append(opened: number, line: string): void {
    const bytes = Buffer.from(cut ? `\n${line}` : line);
    const written = writeSync(opened, bytes);
    size += written;
    cut = written < bytes.length;
    if (cut) lost += 1;
  }

  return {
    write(line) {
      try {
        file ??= open();
        if (size > 0 && size + Buffer.byteLength(line) > limit) file = rotate(file);
        if (lost > 0) {
          const count = lost;
          lost = 0;
          append(file, `${new Date().toISOString()} warn  log: lines were lost count=${count}\n`);
        }
        append(file, line);
      } catch {
        lost += 1;
      }
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
