import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { namespacesOf } from './traces.ts';

/** Makes a lab of two hosts in a process of its own, ends that process by `signal`, and gives the hosts' namespaces. */
export async function abandonLab(
  kind: 'namespaces' | 'docker',
  signal: NodeJS.Signals,
): Promise<readonly string[]> {
  const program = join(import.meta.dirname, 'owner.ts');
  const owner = spawn(process.execPath, [program, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(owner, 'exit');
  const [line] = await Promise.race([
    once(createInterface(owner.stdout), 'line'),
    ended.then(([status]) => Promise.reject(new Error(`the owner ended with ${status}`))),
  ]);
  const namespaces = (JSON.parse(line) as number[]).flatMap(namespacesOf);
  owner.kill(signal);
  await ended;
  return namespaces;
}
