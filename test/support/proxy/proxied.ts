import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine } from '../../../src/adapters/docker/engine.ts';
import { createProxy, type ProxyOptions } from '../../../src/api/proxy/proxy.ts';
import type { DriverCalls, MeshCalls, Rules } from '../../../src/api/proxy/rules.ts';
import { type Ipv4, parseCidr } from '../../../src/core/address.ts';
import { ok } from '../../../src/core/errors.ts';
import { createFakeLog } from '../fake-log.ts';
import { DNS, REPORT } from '../fake-router.ts';

/** A request as the engine gets it, its body parsed. */
export interface Asked {
  readonly method: string;
  /** Without version. */
  readonly path: string;
  readonly version: string;
  readonly body: unknown;
  readonly text: string;
}

export interface Answered {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** What the engine answers; undefined: "page not found". */
export type Player = (asked: Asked) => { readonly status: number; readonly body?: unknown } | undefined;

export interface Proxied {
  /** What the engine was asked so far, but for its version. */
  readonly asked: readonly Asked[];
  /** What the router was asked so far: the call, and with what. */
  readonly calls: readonly (readonly [string, unknown])[];
  ask(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answered>;
  close(): Promise<void>;
}

export interface ProxiedOptions {
  readonly engine: Player;
  readonly rules?: Partial<Rules>;
  readonly mesh?: Partial<MeshCalls>;
  readonly drivers?: Partial<DriverCalls>;
}

export const RULES: Rules = {
  variable: 'MESH_CIDR',
  network: 'mesh',
  driver: 'mesh',
  multicastOption: 'mesh.multicast',
  subnet: parseCidr('10.32.0.0/13'),
  isDefault: true,
  dns: { zone: 'mesh.internal', service: '10.39.255.254' as Ipv4 },
  names: { label: undefined, match: /(.*)/, replacement: '$1' },
  rewriteInspect: false,
};

const MESH: MeshCalls = {
  allocate: async () => ok({ addresses: ['10.32.0.5/13'] }),
  claim: async ({ address }) => ok({ addresses: [address] }),
  release: async () => ok({ addresses: [] }),
  attach: async ({ addresses }) => ok({ addresses }),
  dns: async () => ok(DNS),
  report: async () => ok(REPORT),
  createNetwork: async ({ name }) => ok({ ...REPORT.networks[0]!, name }),
  removeNetwork: async () => ok(undefined),
};

/** A whole proxy on a socket, between a client and an engine that plays. */
export async function startProxied({ drivers, engine: play, mesh, rules }: ProxiedOptions): Promise<Proxied> {
  const directory = mkdtempSync(join(tmpdir(), 'mpx-'));
  const path = join(directory, 'docker.sock');
  const asked: Asked[] = [];
  const calls: (readonly [string, unknown])[] = [];
  const server = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on('data', part => parts.push(part));
    incoming.on('end', () => {
      response.setHeader('Api-Version', '1.41').setHeader('Content-Type', 'application/json');
      const [, version = '', target = ''] = /^(\/v[\d.]+)?(\/.*)$/.exec(incoming.url ?? '') ?? [];
      if (target === '/_ping') return response.end('OK');
      const text = Buffer.concat(parts).toString();
      const one = { method: incoming.method ?? '', path: target, version, body: parsed(text), text };
      asked.push(one);
      const answer = play(one) ?? { status: 404, body: { message: 'page not found' } };
      response.statusCode = answer.status;
      response.end(answer.body === undefined ? undefined : `${JSON.stringify(answer.body)}\n`);
    });
  });
  await new Promise<void>(resolve => server.listen(path, resolve));
  const recorded = (all: object): never =>
    Object.fromEntries(
      Object.entries(all).map(([name, call]: [string, (request: unknown) => unknown]) => [
        name,
        (given: unknown) => {
          calls.push([name, given]);
          return call(given);
        },
      ]),
    ) as never;
  const address = `unix://${path}`;
  const options: ProxyOptions = {
    engineAddress: address,
    engine: createEngine(address),
    listen: [{ kind: 'unix', path: `${path}.proxy` }],
    tls: undefined,
    rules: { ...RULES, ...rules },
    mesh: recorded({ ...MESH, ...mesh }),
    drivers: recorded({ settled: async () => {}, identify: async () => {}, ...drivers }),
    log: createFakeLog(),
  };
  const proxy = createProxy(options);
  const started = await proxy.start();
  if (!started.ok) throw new Error('the proxy does not start');
  return {
    asked,
    calls,
    ask: (method, target, body, headers) => ask(`${path}.proxy`, { method, path: target, headers }, body),
    async close() {
      await proxy.stop();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function ask(
  socketPath: string,
  {
    headers = {},
    ...rest
  }: { method: string; path: string; headers: Readonly<Record<string, string>> | undefined },
  body: unknown,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
    const sent = request(
      {
        ...rest,
        socketPath,
        agent: false,
        headers: { 'Content-Length': Buffer.byteLength(text), ...headers },
      },
      response => {
        const parts: Buffer[] = [];
        response.on('data', part => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: parsed(Buffer.concat(parts).toString()),
            headers: response.headers,
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text === '' ? undefined : text;
  }
}
