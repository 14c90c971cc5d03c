import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ok, type Result, refuse } from '../../../core/errors.ts';
import type { InSwitch } from '../parts.ts';
import { SEARCH_PATH } from './nft.ts';

/** The tables of iptables from before nf_tables, which only its own program can change. */

const PROGRAM = 'iptables-legacy';
const TIMEOUT_MS = 10_000;

/** Whether the namespace that the thread is in has a legacy table of filters. */
export function hasLegacyFilter(): boolean {
  try {
    return readFileSync('/proc/thread-self/net/ip_tables_names', 'utf8').split('\n').includes('filter');
  } catch {
    return false;
  }
}

/** What the program prints, in the namespace that `inNamespace` leads to. Refuses with `program-missing`, `kernel-refused`. */
export function askLegacy(inNamespace: InSwitch, argv: readonly string[]): Promise<Result<string>> {
  return new Promise(resolve => {
    inNamespace(() => {
      const options = { env: { PATH: SEARCH_PATH, LC_ALL: 'C' }, timeout: TIMEOUT_MS };
      execFile(PROGRAM, ['-w', ...argv], options, (error, stdout, stderr) => {
        if (error === null) resolve(ok(stdout));
        else if (error.code === 'ENOENT')
          resolve(refuse({ code: 'program-missing', program: PROGRAM, package: 'iptables' }));
        else {
          const why = stderr.trim().split('\n')[0] || error.message;
          resolve(refuse({ code: 'kernel-refused', what: `change the rules of ${PROGRAM}`, why }));
        }
      });
    });
  });
}
