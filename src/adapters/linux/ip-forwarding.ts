import { mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KernelError, mountProc, unmount } from './libc.ts';

/** Whether a host hands packets on between its links: a setting of its namespace, and of every link in it. */

const SETTING = 'sys/net/ipv4/ip_forward';

/** In the namespace that the thread is in. */
export const isForwarding = (): boolean => readFileSync(join('/proc', SETTING), 'utf8').trim() !== '0';

/** Throws a `KernelError`. */
export function setForwarding(on: boolean): void {
  const value = on ? '1' : '0';
  try {
    write('/proc', value);
  } catch (error) {
    if (!(error instanceof KernelError && error.code === 'EROFS')) throw error;
    // In a container /proc/sys can't be written to; a view of our own can.
    const place = mkdtempSync(join(tmpdir(), 'mesh-proc-'));
    try {
      mountProc(place);
      try {
        write(place, value);
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
  refusable(`write to ${path}`, () => writeFileSync(path, ''));
}

/** Whether there was such a note; there is none afterwards. */
export function takeNote(path: string): boolean {
  try {
    rmSync(path);
    return true;
  } catch {
    return false;
  }
}

function write(proc: string, value: string): void {
  refusable(`set forwarding of IPv4 to ${value}`, () => writeFileSync(join(proc, SETTING), value));
}

function refusable(what: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new KernelError(what, code, message);
  }
}
