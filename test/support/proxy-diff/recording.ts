import { createDockerLab, type DockerHost } from '../docker-lab/docker-lab.ts';
import { type } from '../lab/shell.ts';
import { Client, type Heard } from './client.ts';
import { converse } from './conversations.ts';

/** There are at least so many. */
export const CONVERSATIONS = 200;

/** The same conversations twice with an engine itself, and once through the proxy in front of it. */
export interface Recording {
  readonly engine: readonly Heard[];
  readonly engineAgain: readonly Heard[];
  readonly proxy: readonly Heard[];
}

/** Makes a host with an engine for it, and takes it away again. */
export async function record(): Promise<Recording> {
  const lab = await createDockerLab({ hosts: 1 });
  try {
    const [host] = lab.hosts as [DockerHost];
    await type(host, 'mesh launch --native');
    // The first container changes the engine for good.
    await type(host, 'docker run --rm busybox true');
    const hear = async (socket: string): Promise<readonly Heard[]> => {
      const client = new Client(`/proc/${host.pid}/root${socket}`);
      await converse(client);
      return client.heard;
    };
    return {
      engine: await hear('/run/docker.sock'),
      engineAgain: await hear('/run/docker.sock'),
      proxy: await hear('/run/mesh/docker.sock'),
    };
  } finally {
    await lab.destroy();
  }
}
