import { join } from 'node:path';
import type { CommandOptions, Output } from '../lab/command.ts';
import { type Host, type HostOptions, startHost } from '../lab/host.ts';
import { buildLab, type Lab } from '../lab/lab.ts';

/** A machine with a Docker engine of its own, which has an image `busybox` and no registry. */
export interface DockerHost extends Host {
  docker(args: readonly string[], options?: CommandOptions): Promise<Output>;
}

/** A lab whose hosts are Docker hosts. A host takes about 150 MB of memory, and what its images take. */
export function createDockerLab(options: { readonly hosts: number }): Promise<Lab<DockerHost>> {
  return buildLab(options.hosts, startDockerHost);
}

async function startDockerHost(options: HostOptions, key: string): Promise<DockerHost> {
  const host = await startHost({
    ...options,
    launcher: [join(import.meta.dirname, 'enter-cgroup'), key],
    service: join(import.meta.dirname, 'docker-host'),
  });
  return { ...host, docker: (args, dockerOptions) => host.exec(['docker', ...args], dockerOptions) };
}
