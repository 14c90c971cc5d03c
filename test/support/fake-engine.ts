import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Engine releases by what they speak: the newest and the oldest API version that they accept. */
export const ENGINES = {
  '20.10': { newest: '1.41', oldest: '1.12' },
  '25.0': { newest: '1.44', oldest: '1.24' },
  '29.0': { newest: '1.52', oldest: '1.44' },
} as const;

interface FakeContainer {
  readonly name: string;
  readonly networkMode?: string;
  readonly hostname?: string;
  readonly domain?: string;
  readonly aliases?: readonly string[];
  readonly state?: Partial<ContainerState>;
  readonly sandbox?: string;
}

interface ContainerState {
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  Dead: boolean;
  ExitCode: number;
  StartedAt: string;
}

interface Entry extends FakeContainer {
  readonly id: string;
  readonly state: ContainerState;
}

export interface FakeEngine {
  /** As in DOCKER_HOST. */
  readonly address: string;
  /** `METHOD PATH` of everything that was asked. */
  readonly requests: readonly string[];
  /** Makes or changes a container and gives its id; tells nobody. */
  put(container: FakeContainer): string;
  start(name: string): string;
  die(name: string): void;
  remove(name: string): void;
  /** To all that follow events, as it is. */
  emitRaw(part: Buffer | string): void;
  followers(): number;
  /** Becomes another release, as after an upgrade. */
  upgrade(release: keyof typeof ENGINES): void;
  listen(): Promise<void>;
  /** Goes away at once, with all connections. */
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

const RUNNING: ContainerState = {
  Running: true,
  Paused: false,
  Restarting: false,
  Dead: false,
  ExitCode: 0,
  StartedAt: '2026-03-01T12:00:00.000000000Z',
};
const STOPPED = { ...RUNNING, Running: false, ExitCode: 137 };

/** Plays the part of dockerd on a unix socket: what the router asks for, with the refusals of the given release. */
export async function startFakeEngine(first: keyof typeof ENGINES): Promise<FakeEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'mst-engine-'));
  const path = join(directory, 'docker.sock');
  const requests: string[] = [];
  const containers = new Map<string, Entry>();
  const followers = new Map<ServerResponse, ReadonlySet<string>>();
  const sockets = new Set<Socket>();
  let release = first;
  let server: Server | undefined;
  let made = 0;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    requests.push(`${request.method} ${request.url}`);
    const url = new URL(request.url ?? '/', 'http://docker');
    const match = /^(?:\/v(\d+\.\d+))?(\/.*)$/.exec(url.pathname);
    const refusal = refuseVersion(match?.[1]);
    if (refusal !== undefined) return send(response, 400, { message: refusal });
    if (match?.[2] === '/_ping') {
      response.setHeader('Api-Version', ENGINES[release].newest);
      response.end('OK');
    } else if (match?.[2] === '/events') {
      follow(url, response);
    } else {
      const found = /^\/containers\/([^/]+)\/json$/.exec(match?.[2] ?? '');
      if (found === null) send(response, 404, { message: 'page not found' });
      else inspect(found[1] ?? '', response);
    }
  }

  function refuseVersion(version: string | undefined): string | undefined {
    if (version === undefined) return undefined;
    const { newest, oldest } = ENGINES[release];
    const minor = (text: string): number => Number(text.split('.')[1]);
    if (minor(version) < minor(oldest)) {
      return `client version ${version} is too old. Minimum supported API version is ${oldest}`;
    }
    if (minor(version) > minor(newest)) {
      return `client version ${version} is too new. Maximum supported API version is ${newest}`;
    }
    return undefined;
  }

  function inspect(nameOrId: string, response: ServerResponse): void {
    const all = [...containers.values()];
    const exact = all.find(container => container.name === nameOrId || container.id === nameOrId);
    const found = exact ? [exact] : all.filter(container => container.id.startsWith(nameOrId));
    const container = found[0];
    if (container === undefined) return send(response, 404, { message: `No such container: ${nameOrId}` });
    if (found.length > 1)
      return send(response, 400, { message: `multiple IDs found with provided prefix: ${nameOrId}` });
    send(response, 200, {
      Id: container.id,
      Name: `/${container.name}`,
      State: container.state,
      Config: {
        Hostname: container.hostname ?? container.id.slice(0, 12),
        Domainname: container.domain ?? '',
      },
      HostConfig: { NetworkMode: container.networkMode ?? 'default' },
      NetworkSettings: {
        SandboxKey: container.sandbox ?? '',
        // Gone from the top level since 1.52.
        ...(release === '29.0' ? {} : { IPAddress: '', MacAddress: '' }),
        Networks: { bridge: { Aliases: container.aliases ?? null } },
      },
    });
  }

  function follow(url: URL, response: ServerResponse): void {
    const filters: { type?: string[]; event?: string[] } = JSON.parse(
      url.searchParams.get('filters') ?? '{}',
    );
    followers.set(response, new Set(filters.event));
    response.on('close', () => followers.delete(response));
    response.setHeader('Content-Type', 'application/json');
    response.flushHeaders();
  }

  function emit(action: string, { id, name }: Entry): void {
    const old = release === '29.0' ? {} : { status: action, id, from: 'busybox' };
    const event = {
      ...old,
      Type: 'container',
      Action: action,
      Actor: { ID: id, Attributes: { name } },
      time: 1,
    };
    for (const [response, wanted] of followers) {
      if (wanted.size === 0 || wanted.has(action)) response.write(`${JSON.stringify(event)}\n`);
    }
  }

  function put(container: FakeContainer): string {
    made += 1;
    const id = containers.get(container.name)?.id ?? made.toString(16).padStart(4, '0').padEnd(64, '5');
    const state = { ...RUNNING, ...container.state };
    const none =
      container.sandbox === undefined && state.Running && !container.networkMode?.includes('container:');
    const sandbox = container.sandbox ?? (none ? `/var/run/docker/netns/${made}` : '');
    containers.set(container.name, { ...container, id, state, sandbox });
    return id;
  }

  function change(name: string, state: ContainerState, action: string): string {
    const before = containers.get(name);
    const { sandbox: _, ...rest } = before ?? { name, sandbox: '' };
    const id = put({ ...rest, state });
    emit(action, containers.get(name)!);
    return id;
  }

  const engine: FakeEngine = {
    address: `unix://${path}`,
    requests,
    put,
    start: name => change(name, RUNNING, 'start'),
    die: name => void change(name, STOPPED, 'die'),
    remove(name) {
      const container = containers.get(name);
      if (container === undefined) return;
      if (container.state.Running) emit('die', container);
      containers.delete(name);
      emit('destroy', container);
    },
    emitRaw(part) {
      for (const response of followers.keys()) response.write(part);
    },
    followers: () => followers.size,
    upgrade(next) {
      release = next;
    },
    async listen() {
      const started = createServer(answer);
      started.on('connection', socket => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
      });
      await new Promise<void>(resolve => started.listen(path, resolve));
      server = started;
    },
    async stop() {
      const stopped = new Promise(resolve => server?.close(resolve) ?? resolve(undefined));
      for (const socket of sockets) socket.destroy();
      await stopped;
      server = undefined;
    },
    async dispose() {
      await engine.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await engine.listen();
  return engine;
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}
