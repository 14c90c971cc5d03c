import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { ENVIRONMENT, type Output, run, statusOf } from './command.ts';

/** A command that goes on running in a host. */
export interface Program {
  /** All that it printed so far. */
  stdout(): string;
  /** Resolves when it has ended. */
  readonly ended: Promise<Output>;
  /** Sends it a signal. */
  signal(signal: 'USR2'): Promise<void>;
  /** Sends it a signal and waits for its end. May be repeated. */
  stop(signal?: 'INT' | 'TERM' | 'KILL'): Promise<Output>;
}

/**
 * Starts `argv` behind the command line `enter`, which takes it into a host. `nsenter` passes no signals on, so the
 * shell in between tells the process number that the command has in there.
 */
export async function startProgram(enter: readonly string[], argv: readonly string[]): Promise<Program> {
  const [program = '', ...args] = [...enter, 'sh', '-c', 'echo $$ >&3; exec "$@" 3>&-', 'sh', ...argv];
  const child = spawn(program, args, { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  const ended = once(child, 'close').then(
    ([code, signal]): Output => ({ status: statusOf(code, signal), stdout, stderr }),
  );
  const [number] = await once((child.stdio[3] as Readable).setEncoding('utf8'), 'data');
  const send = (signal: string) => run([...enter, 'kill', `-${signal}`, String(number).trim()]);
  return {
    stdout: () => stdout,
    ended,
    async signal(signal) {
      await send(signal);
    },
    async stop(signal = 'TERM') {
      await send(signal);
      return ended;
    },
  };
}
