import { execFile, spawn } from 'node:child_process';
import { ok, type Problem, type Result, refuse } from '../../../core/errors.ts';
import type { InSwitch } from '../parts.ts';

/** A transaction takes milliseconds; one that waits for so long is waiting for something that won't come. */
const TIMEOUT_MS = 10_000;
/** Hosts with ten thousand rules exist. */
const OUTPUT_BYTES = 64 * 1024 * 1024;
/** nft is for root, and not on everybody's path. */
export const SEARCH_PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

/**
 * Carries out an nft script, all of it or nothing, in the namespace that `inNamespace` leads to: a child starts
 * in the namespace of the thread that forks it. `path` is where nft is looked for. Refuses with `program-missing`, `no-permission`,
 * `kernel-lacks`, `kernel-refused`.
 */
export function runNft(script: string, inNamespace: InSwitch, path = SEARCH_PATH): Promise<Result<void>> {
  const child = inNamespace(() =>
    spawn('nft', ['-f', '-'], {
      // The messages are read below: they must not be translated.
      env: { PATH: path, LC_ALL: 'C' },
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: TIMEOUT_MS,
    }),
  );
  return new Promise(resolve => {
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    // A child that ends before it has read everything says why by its status.
    child.stdin.on('error', () => undefined).end(script);
    child.on('error', (error: NodeJS.ErrnoException) =>
      resolve(refuse(startProblem(error.code, error.message))),
    );
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(ok(undefined));
      const why = complaint.trim().split('\n')[0] || `nft ended with ${signal ?? `status ${status}`}`;
      resolve(refuse(refusal(why)));
    });
  });
}

/** What nft prints for `argv`, e.g. `-j list ruleset`, where the thread is. Refuses as `runNft` does. */
export function askNft(argv: readonly string[], path = SEARCH_PATH): Promise<Result<string>> {
  return new Promise(resolve => {
    const options = { env: { PATH: path, LC_ALL: 'C' }, timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES };
    execFile('nft', argv, options, (error, stdout, stderr) => {
      if (error === null) resolve(ok(stdout));
      else if (typeof error.code === 'string') resolve(refuse(startProblem(error.code, error.message)));
      else resolve(refuse(refusal(stderr.trim().split('\n')[0] || error.message)));
    });
  });
}

function startProblem(code: string | undefined, why: string): Problem {
  if (code === 'ENOENT') return { code: 'program-missing', program: 'nft', package: 'nftables' };
  return { code: 'kernel-refused', what: 'start nft', why };
}

/** What a complaint of nft means for a script of ours, which is known to be right: it ends with the text of an errno. */
function refusal(why: string): Problem {
  if (why.includes('Operation not permitted'))
    return { code: 'no-permission', what: 'change packet filter rules' };
  const missing = /Operation not supported|No such file or directory|Protocol not supported/.test(why);
  if (missing)
    return { code: 'kernel-lacks', feature: `support for the packet filter rules of mesh (nft: ${why})` };
  return { code: 'kernel-refused', what: 'load the packet filter rules', why };
}
