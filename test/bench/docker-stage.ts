import { request } from 'node:http';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** The engine of a host, asked as a client does: by its own socket, or by the proxy's. */
export interface Asker {
  ask(method: string, path: string, body?: object): Promise<unknown>;
}

export interface DockerStage {
  readonly host: DockerHost;
  readonly engine: Asker;
  readonly proxy: Asker;
  /** What a path of the host's own file system is called here. */
  path(inside: string): string;
}

/** One host with an engine and a native router in a mesh of two; takes everything away afterwards. */
export async function withDocker<T>(action: (stage: DockerStage) => Promise<T>): Promise<T> {
  const lab = await createDockerLab({ hosts: 2 });
  try {
    const [host, other] = lab.hosts as [DockerHost, DockerHost];
    await type(host, 'mesh launch --native');
    await type(other, 'mesh launch --native 192.168.48.11 --wait');
    await until(
      async () => (await host.docker(['network', 'inspect', 'mesh'])).status === 0 || undefined,
      () => 'the engine has no network of the mesh',
    );
    const path = (inside: string): string => `/proc/${host.pid}/root${inside}`;
    return await action({
      host,
      path,
      engine: askerAt(path('/run/docker.sock')),
      proxy: askerAt(path('/run/mesh/docker.sock')),
    });
  } finally {
    await lab.destroy();
  }
}

/** A connection for each request, as a command line has it. */
function askerAt(socketPath: string): Asker {
  return {
    ask: (method, path, body) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? '' : JSON.stringify(body);
        const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
        const sent = request({ socketPath, method, path: `/v1.41${path}`, agent: false, headers }, answer => {
          const parts: Buffer[] = [];
          answer.on('data', part => parts.push(part));
          answer.on('end', () => {
            const said = Buffer.concat(parts).toString();
            if ((answer.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${said}`));
            else resolve(said === '' ? undefined : JSON.parse(said));
          });
        });
        sent.on('error', reject);
        sent.end(text);
      }),
  };
}
