import { mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountProc, unmount } from './libc.ts';

/** Whether a host hands packets on between its links: a setting of its namespace, and of every link in it. */

const SETTING = 'sys/net/ipv4/ip_forward';

/** In the namespace that the thread is in. */
export const isForwarding = (): boolean => readFileSync(join('/proc', SETTING), 'utf8').trim() !== '0';

/** Throws a `KernelError`, or an error of the file system. */
export function setForwarding(on: boolean): void {
  const value = on ? '1' : '0';
  try {
    writeFileSync(join('/proc', SETTING), value);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error;
    // In a container /proc/sys can't be written to; a view of our own can.
    const place = mkdtempSync(join(tmpdir(), 'mesh-proc-'));
    try {
      mountProc(place);
      try {
        writeFileSync(join(place, SETTING), value);
      } finally {
        unmount(place);
      }
    } finally {
      rmdirSync(place);
    }
  }
}

/** Notes beside the switch that it was us who turned forwarding on; like the setting, the note ends with the machine. */
export function noteForwarding(path: string): void {
  writeFileSync(path, '');
}

export function takeNote(path: string): boolean {
  try {
    rmSync(path);
    return true;
  } catch {
    return false;
  }
}
