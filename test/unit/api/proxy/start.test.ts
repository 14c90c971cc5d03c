import { afterEach, describe, expect, it } from 'vitest';
import { refuse } from '../../../../src/core/errors.ts';
import {
  type Player,
  type Proxied,
  type ProxiedOptions,
  startProxied,
} from '../../../support/proxy/proxied.ts';

const BOX = 'b'.repeat(64);
const SERVICE = '10.39.255.254';

let proxied: Proxied;
afterEach(() => proxied.close());

interface Played {
  readonly env?: readonly string[];
  readonly mode?: string;
  readonly networks?: readonly string[];
  readonly dns?: readonly string[];
  readonly runs?: boolean;
  /** What the start is answered with. */
  readonly status?: number;
}

const playing =
  ({
    dns = [],
    env = [],
    mode = 'default',
    networks = ['bridge', 'mesh'],
    runs = false,
    status = 204,
  }: Played): Player =>
  ({ method, path }) => {
    const NetworkSettings = { Networks: Object.fromEntries(networks.map(name => [name, {}])) };
    const HostConfig = { NetworkMode: mode, Dns: dns };
    if (path === '/containers/web/json')
      return {
        status: 200,
        body: { Id: BOX, Config: { Env: env }, State: { Running: runs }, HostConfig, NetworkSettings },
      };
    if (/^\/containers\/\w+\/(start|restart)/.test(path))
      return status === 204 ? { status } : { status, body: { message: 'x' } };
    return method === 'POST' ? { status: 200 } : undefined;
  };

async function start(played: Played, options: Partial<ProxiedOptions> = {}, action = 'start') {
  proxied = await startProxied({ engine: playing(played), ...options });
  return proxied.ask('POST', `/v1.41/containers/web/${action}`);
}
const asked = (): readonly string[] => proxied.asked.map(({ method, path }) => `${method} ${path}`);
const called = (): readonly string[] => proxied.calls.map(([name]) => name);
const JOIN = 'POST /networks/mesh/connect';

describe.each(['start', 'restart'])('POST /containers/ID/%s', action => {
  const begin = (played: Played, options?: Partial<ProxiedOptions>) => start(played, options, action);

  it('passes for a container that is on the mesh, and its names are known then', async () => {
    expect((await begin({})).status).toBe(204);
    expect(asked()).toEqual(['GET /containers/web/json', `POST /containers/web/${action}`]);
    expect(proxied.calls).toEqual([['identify', BOX]]);
  });

  it('attaches what the container wants of other subnets before it answers', async () => {
    expect(
      (await begin({ env: ['MESH_CIDR=10.9.0.1/24 net:10.8.0.0/24'], networks: ['bridge'] })).status,
    ).toBe(204);
    expect(proxied.calls).toEqual([
      ['attach', { container: BOX, addresses: ['10.9.0.1/24'], subnets: ['10.8.0.0/24'], withoutDns: false }],
      ['identify', BOX],
    ]);
  });

  it('ends a container that can not be attached', async () => {
    const problem = { code: 'space-exhausted', value: '10.8.0.0/24' } as const;
    const answer = await begin(
      { env: ['MESH_CIDR=net:10.8.0.0/24'], networks: ['bridge'] },
      { mesh: { attach: async () => refuse(problem) } },
    );
    expect(answer).toMatchObject({
      status: 500,
      body: {
        message:
          "the container can't be put on the mesh: no address in 10.8.0.0/24 is free on any host; free some, or take another subnet",
      },
    });
    expect(asked().at(-1)).toBe(`POST /containers/${BOX}/kill`);
  });

  it.each<[string, Played, string, number]>([
    ['bridge', {}, 'bridge', 500],
    ['host, though it asks for the mesh', { env: ['MESH_CIDR='] }, 'host', 500],
    ['host', {}, 'host', 204],
    ['none that matters', {}, 'default', 204],
  ])('ends one that a start of an old API took from the mesh: %s', async (_, played, mode, status) => {
    let started = false;
    const NetworkMode = mode;
    const engine: Player = asked => {
      const now = { ...played, mode, networks: mode === 'default' ? ['mesh'] : [mode], runs: true };
      const answer = playing(started ? now : played)({ ...asked, path: asked.path.replace(BOX, 'web') });
      started ||= asked.path.endsWith(`/${action}`);
      return answer;
    };
    proxied = await startProxied({ engine });
    const answer = await proxied.ask('POST', `/v1.23/containers/web/${action}`, { NetworkMode });
    expect(answer.status).toBe(status);
    const kill = `POST /containers/${BOX}/kill`;
    expect(asked().filter(call => call === kill)).toHaveLength(status === 500 ? 1 : 0);
  });

  it.each<[string, Played]>([
    ['it asks for the mesh', { env: ['MESH_CIDR='] }],
    ['it asks the mesh for names', { dns: [SERVICE] }],
  ])('joins one that was left before it was joined: %s', async (_, played) => {
    expect((await begin({ ...played, networks: ['bridge'] })).status).toBe(204);
    expect(asked()).toEqual(['GET /containers/web/json', JOIN, `POST /containers/web/${action}`]);
    expect(called()).toEqual(['allocate', 'identify']);
  });

  it('does not start what it can not join', async () => {
    const answer = await begin(
      { env: ['MESH_CIDR='], networks: ['bridge'] },
      { mesh: { allocate: async () => refuse({ code: 'ipam-off' }) } },
    );
    expect(answer.status).toBe(500);
    expect(asked()).toEqual(['GET /containers/web/json']);
  });

  it.each<[string, Played]>([
    ['made past the proxy', { networks: ['bridge'] }],
    ['that asks to be left alone', { env: ['MESH_CIDR=none'], networks: ['bridge'], dns: [SERVICE] }],
    ['that runs', { env: ['MESH_CIDR='], networks: ['bridge'], runs: true }],
    ['without a network', { mode: 'none', networks: ['none'], env: ['MESH_CIDR='] }],
    ["in another's network", { mode: 'container:x', networks: [], env: ['MESH_CIDR='] }],
  ])('leaves one alone %s', async (_, played) => {
    expect((await begin(played)).status).toBe(204);
    expect(asked()).not.toContain(JOIN);
    expect(called().filter(name => name !== 'identify')).toEqual([]);
  });

  it.each(['none', 'host', 'container:x'])('learns no names of who has network mode %s', async mode => {
    expect((await begin({ mode, networks: [] })).status).toBe(204);
    expect(called()).toEqual([]);
  });

  it('passes on what the engine says', async () => {
    expect(await begin({ status: 500, env: ['MESH_CIDR=10.9.0.1/24'] })).toMatchObject({
      status: 500,
      body: { message: 'x' },
    });
    expect(called()).toEqual([]);
    await proxied.close();
    proxied = await startProxied({ engine: playing({}) });
    expect((await proxied.ask('POST', `/containers/gone/${action}`)).status).toBe(204);
    expect(asked()).toEqual(['GET /containers/gone/json', `POST /containers/gone/${action}`]);
  });
});
