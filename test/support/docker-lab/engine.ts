import { type } from '../lab/shell.ts';
import { until } from '../until.ts';
import type { DockerHost } from './docker-lab.ts';

/** Ends and starts the engine of a host, as an upgrade or a crash does. */

const ENGINE_MS = 150_000;

/** Resolves when the process is gone. */
export async function endEngine(host: DockerHost, signal: 'TERM' | 'KILL'): Promise<void> {
  await type(
    host,
    `pid=$(cat /var/run/docker.pid); kill -${signal} $pid
     while kill -0 $pid 2>/dev/null && ! grep -q ') Z' /proc/$pid/stat; do sleep 0.05; done
     rm -f /var/run/docker.pid`,
  );
}

/** Resolves at once; see `engineAnswers`. */
export function startEngine(host: DockerHost, flags = ''): Promise<string> {
  return type(
    host,
    `setsid dockerd --storage-driver overlay2 ${flags} </dev/null >>/run/dockerd.log 2>&1 & echo started`,
  );
}

/** Gives how long that took, in seconds. */
export async function engineAnswers(host: DockerHost): Promise<number> {
  const started = performance.now();
  await until(
    async () => (await host.docker(['version'])).status === 0 || undefined,
    () => 'the engine does not answer',
    ENGINE_MS,
  );
  return (performance.now() - started) / 1_000;
}
