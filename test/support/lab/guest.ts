import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ENVIRONMENT } from './command.ts';

/**
 * A long-lived process that holds namespaces. It ends when the pipe to its standard input closes, which the
 * kernel does for an owner that can't do it any more.
 */
export interface Guest {
  /** Lines that it printed before `ready`. */
  readonly lines: readonly string[];
  readonly child: ChildProcess;
  /** Closes the pipe and waits for the end. May be repeated. */
  end(): Promise<void>;
}

/** Starts `argv` and waits until it prints the line `ready`. Rejects with what it said where it ends before. */
export function startGuest(argv: readonly string[]): Promise<Guest> {
  const [program = '', ...args] = argv;
  // A session of its own: Ctrl-C on the terminal is for the owner, who may still want to say something.
  const child = spawn(program, args, { env: ENVIRONMENT, detached: true });
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  const end = () => {
    child.stdin.destroy();
    return ended;
  };
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    let complaint = '';
    child.on('error', reject);
    child.stderr.setEncoding('utf8').on('data', text => {
      complaint += text;
    });
    child.once('close', code => reject(new Error(`${argv.join(' ')}: ended with ${code}\n${complaint}`)));
    createInterface(child.stdout).on('line', line => {
      if (line === 'ready') resolve({ lines, child, end });
      else lines.push(line);
    });
  });
}
