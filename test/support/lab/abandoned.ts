import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Traces, takeTraces } from './traces.ts';

/** Makes a lab of two hosts in a process of its own, and ends that process by `signal`; gives what to look for. */
export async function abandonLab(kind: 'namespaces' | 'docker', signal: NodeJS.Signals): Promise<Traces> {
  const program = join(import.meta.dirname, 'owner.ts');
  const owner = spawn(process.execPath, [program, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(owner, 'exit');
  const [line] = await Promise.race([
    once(createInterface(owner.stdout), 'line'),
    ended.then(([status]) => Promise.reject(new Error(`the owner ended with ${status}`))),
  ]);
  const [lab = '', ...pids] = String(line).split(' ');
  const traces = await takeTraces(lab, pids.map(Number));
  owner.kill(signal);
  await ended;
  return traces;
}
