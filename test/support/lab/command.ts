import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** How a command ended. `status` is 128 + signal where a signal ended it, as a shell says it. */
export interface Output {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Added to the small environment that every command gets. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** After this time the command is killed; one minute where not given. */
  readonly timeoutMs?: number;
}

/** Nothing of the caller's environment leaks into a lab. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
};

/** The exit status as a shell says it, of what Node tells about an ended process. */
export function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}

/** Runs a command to its end. Rejects only where it can't be started. */
export function run(argv: readonly string[], options: CommandOptions = {}): Promise<Output> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...ENVIRONMENT, ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ status: statusOf(code, signal), stdout, stderr }));
    // A command that ends without reading all of its input is no error here.
    child.stdin.on('error', () => undefined).end(options.input);
  });
}

/** What `succeed` throws for a command that failed: the command and all that it said. */
export function failure(argv: readonly string[], output: Output): Error {
  return new Error(`${argv.join(' ')}: exit status ${output.status}\n${output.stdout}${output.stderr}`);
}

/** Runs a command that has to end with 0, and gives its standard output. */
export async function succeed(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const output = await run(argv, options);
  if (output.status !== 0) throw failure(argv, output);
  return output.stdout;
}
