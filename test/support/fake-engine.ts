import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ContainerState,
  type Entry,
  type FakeContainer,
  inspection,
  listing,
  RUNNING,
  STOPPED,
  statusOf,
} from './fake-engine/containers.ts';
import { type Answer, type NetworkBody, PlayedNetworks } from './fake-engine/networks.ts';
import { RELEASES, type Release } from './releases.ts';

export interface FakeEngine {
  /** As in DOCKER_HOST. */
  readonly address: string;
  /** `METHOD PATH` of everything that was asked. */
  readonly requests: readonly string[];
  /** What was sent with it, where there was something. */
  readonly bodies: readonly unknown[];
  readonly networks: PlayedNetworks;
  /** Makes or changes a container and gives its id; tells nobody. */
  put(container: FakeContainer): string;
  start(name: string): string;
  die(name: string): void;
  remove(name: string): void;
  rename(name: string, next: string): void;
  /** Tells that a container was connected to a network. */
  connect(name: string, network: { readonly id: string; readonly type: string }): void;
  /** Answers `METHOD PATH`, without the version, so from now on; undefined: by itself. */
  answer(call: string, answer: Answer | undefined): void;
  /** To all that follow events, as it is. */
  emitRaw(part: Buffer | string): void;
  followers(): number;
  /** Becomes another release, as after an upgrade. */
  upgrade(release: Release): void;
  listen(): Promise<void>;
  /** Goes away at once, with all connections. */
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

/** What happened to something: with it, and for whom else it matters. */
interface Happening {
  readonly type: 'container' | 'network';
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly body: unknown;
}

/** Plays the part of dockerd on a unix socket: what the router asks for, with the refusals of the given release. */
export async function startFakeEngine(first: Release): Promise<FakeEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'mst-engine-'));
  const path = join(directory, 'docker.sock');
  const requests: string[] = [];
  const bodies: unknown[] = [];
  const containers = new Map<string, Entry>();
  const followers = new Map<ServerResponse, Request['filters']>();
  const answers = new Map<string, Answer>();
  const sockets = new Set<Socket>();
  let release = first;
  let server: Server | undefined;
  let made = 0;
  const networks = new PlayedNetworks((action, { id, name, type }) =>
    emit({ type: 'network', action, id, attributes: { name, type } }),
  );
  const idOf = (network: string) => networks.idOf(network);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://docker');
    requests.push(`${request.method} ${request.url}`);
    let text = '';
    for await (const part of request) text += part;
    if (text !== '') bodies.push(JSON.parse(text));
    const [, version, called = ''] = /^(?:\/v(\d+\.\d+))?(\/.*)$/.exec(url.pathname) ?? [];
    const refusal = refuseVersion(version);
    if (refusal !== undefined) return send(response, { status: 400, body: { message: refusal } });
    response.setHeader('Api-Version', RELEASES[release].newest);
    if (called === '/_ping') return void response.end('OK');
    const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as Request['filters'];
    if (called === '/events') return follow(filters, response);
    const method = request.method ?? 'GET';
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    send(response, answers.get(`${method} ${called}`) ?? route({ method, path: called, filters, body }));
  }

  function refuseVersion(version: string | undefined): string | undefined {
    if (version === undefined) return undefined;
    const { newest, oldest } = RELEASES[release];
    const minor = (text: string): number => Number(text.split('.')[1]);
    if (minor(version) < minor(oldest)) {
      return `client version ${version} is too old. Minimum supported API version is ${oldest}`;
    }
    if (minor(version) > minor(newest)) {
      return `client version ${version} is too new. Maximum supported API version is ${newest}`;
    }
    return undefined;
  }

  function route({ body, filters, method, path: asked }: Request): Answer {
    const [, noun = '', which = '', verb = ''] = asked.split('/');
    switch (`${method} ${noun} ${verb}`) {
      case 'GET containers json':
        return inspect(which);
      case 'GET containers ':
        return which === 'json' ? list(filters['status'] ?? []) : UNKNOWN_PAGE;
      case 'POST containers start':
        return run(which);
      case 'GET networks ':
        return which === ''
          ? networks.list(release, filters['driver'] ?? [])
          : networks.inspect(which, release);
      case 'POST networks ':
        return which === 'create' ? networks.create(body as NetworkBody, release) : UNKNOWN_PAGE;
      case 'DELETE networks ':
        return networks.remove(which);
      default:
        return UNKNOWN_PAGE;
    }
  }

  function list(statuses: readonly string[]): Answer {
    const asked = [...containers.values()].filter(
      ({ state }) => statuses.length === 0 || statuses.includes(statusOf(state)),
    );
    return { status: 200, body: asked.map(container => listing(container, release, idOf)) };
  }

  function find(nameOrId: string): Entry | Answer {
    const all = [...containers.values()];
    const exact = all.find(container => container.name === nameOrId || container.id === nameOrId);
    const found = exact ? [exact] : all.filter(container => container.id.startsWith(nameOrId));
    const [container] = found;
    if (container === undefined) return { status: 404, body: { message: `No such container: ${nameOrId}` } };
    return found.length > 1
      ? { status: 400, body: { message: `multiple IDs found with provided prefix: ${nameOrId}` } }
      : container;
  }

  function inspect(nameOrId: string): Answer {
    const found = find(nameOrId);
    return 'status' in found ? found : { status: 200, body: inspection(found, release, idOf) };
  }

  function run(nameOrId: string): Answer {
    const found = find(nameOrId);
    if ('status' in found) return found;
    if (found.state.Running) return { status: 304 };
    change(found.name, RUNNING, 'start');
    return { status: 204 };
  }

  function follow(filters: Request['filters'], response: ServerResponse): void {
    followers.set(response, filters);
    response.on('close', () => followers.delete(response));
    response.setHeader('Content-Type', 'application/json');
    response.flushHeaders();
  }

  function emit({ action, attributes, id, type }: Happening): void {
    const { tellsTwice } = RELEASES[release];
    const old = tellsTwice && type === 'container' ? { status: action, id, from: 'busybox' } : {};
    const event = { ...old, Type: type, Action: action, Actor: { ID: id, Attributes: attributes }, time: 1 };
    for (const [response, { event: actions = [], type: types = [] }] of followers) {
      const isAsked = (all: readonly string[], one: string) => all.length === 0 || all.includes(one);
      if (isAsked(actions, action) && isAsked(types, type)) response.write(`${JSON.stringify(event)}\n`);
    }
  }

  const tell = (action: string, { id, name }: Entry): void =>
    emit({ type: 'container', action, id, attributes: { name } });

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
    tell(action, containers.get(name)!);
    return id;
  }

  const engine: FakeEngine = {
    address: `unix://${path}`,
    requests,
    bodies,
    networks,
    put,
    start: name => change(name, RUNNING, 'start'),
    die: name => void change(name, STOPPED, 'die'),
    remove(name) {
      const container = containers.get(name);
      if (container === undefined) return;
      if (container.state.Running) tell('die', container);
      containers.delete(name);
      tell('destroy', container);
    },
    rename(name, next) {
      const container = { ...containers.get(name)!, name: next };
      containers.delete(name);
      containers.set(next, container);
      tell('rename', container);
    },
    connect(name, { id, type }) {
      const attributes = { container: containers.get(name)!.id, name: type, type };
      emit({ type: 'network', action: 'connect', id, attributes });
    },
    answer(call, answer) {
      if (answer === undefined) answers.delete(call);
      else answers.set(call, answer);
    },
    emitRaw(part) {
      for (const response of followers.keys()) response.write(part);
    },
    followers: () => followers.size,
    upgrade(next) {
      release = next;
    },
    async listen() {
      const started = createServer((request, response) => void serve(request, response));
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

const UNKNOWN_PAGE: Answer = { status: 404, body: { message: 'page not found' } };

function send(response: ServerResponse, { body, status }: Answer): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(body === undefined ? '' : JSON.stringify(body));
}
