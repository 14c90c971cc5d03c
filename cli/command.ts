import { spawn } from 'node:child_process';

export interface Output {
  /** 127 where the program is not there, as a shell has it; 128 where a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Shows what the program says on standard error, as it comes, in place of keeping it. */
  readonly show?: boolean;
  /** Gives the program an open standard input, which ends with this process: that tells it that nobody waits for it. */
  readonly tether?: boolean;
}

/** Runs a program to its end. Never throws. */
export function runCommand(
  program: string,
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<Output> {
  return new Promise(resolve => {
    const output = options.show ? 2 : 'pipe';
    const child = spawn(program, argv, {
      env: options.env ?? process.env,
      stdio: [options.tether ? 'pipe' : 'ignore', output, output],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', error => resolve({ status: 127, stdout, stderr: error.message }));
    child.on('close', status => resolve({ status: status ?? 128, stdout, stderr }));
  });
}
