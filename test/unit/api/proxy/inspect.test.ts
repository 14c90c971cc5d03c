import { afterEach, describe, expect, it } from 'vitest';
import { type Player, type Proxied, startProxied } from '../../../support/proxy/proxied.ts';

const ON_MESH = { IPAddress: '10.32.0.5', IPPrefixLen: 13, MacAddress: '0a:80:0a:20:00:05', EndpointID: 'e' };
const container = (mesh: object | undefined) => ({
  Id: 'b'.repeat(64),
  NetworkSettings: {
    IPAddress: '172.17.0.2',
    IPPrefixLen: 16,
    MacAddress: '02:42:ac:11:00:02',
    Ports: {},
    Networks: { bridge: { IPAddress: '172.17.0.2' }, ...(mesh && { mesh }) },
  },
});

let proxied: Proxied;
afterEach(() => proxied.close());

async function inspect(engine: Player, rewriteInspect = true) {
  proxied = await startProxied({ engine, rules: { rewriteInspect } });
  return proxied.ask('GET', '/v1.41/containers/web/json?size=1');
}
const saying =
  (body: object): Player =>
  () => ({ status: 200, body });

describe('GET /containers/ID/json', () => {
  it('shows the address on the mesh where old programs read it, and all else as it is', async () => {
    const { body, headers } = await inspect(saying(container(ON_MESH)));
    const { EndpointID: _, ...shown } = ON_MESH;
    const { NetworkSettings, ...rest } = container(ON_MESH);
    expect(body).toEqual({ ...rest, NetworkSettings: { ...NetworkSettings, ...shown } });
    expect(headers['api-version']).toBe('1.41');
    expect(proxied.asked.map(({ path }) => path)).toEqual(['/containers/web/json?size=1']);
  });

  it.each<[string, object]>([
    ['is not on the mesh', container(undefined)],
    ['does not run', container({ ...ON_MESH, IPAddress: '' })],
    ['is none', { message: 'odd' }],
  ])('is as the engine says for one that %s', async (_, said) => {
    expect((await inspect(saying(said))).body).toEqual(said);
  });

  it('is as the engine says unless that is asked for', async () => {
    expect((await inspect(saying(container(ON_MESH)), false)).body).toEqual(container(ON_MESH));
  });

  it('passes on what the engine refuses', async () => {
    expect((await inspect(() => ({ status: 404, body: { message: 'No such container' } }))).status).toBe(404);
  });
});
