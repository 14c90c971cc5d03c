import { afterEach, describe, expect, it } from 'vitest';
import { ok, refuse } from '../../../../src/core/errors.ts';
import { REPORT } from '../../../support/fake-router.ts';
import {
  type Player,
  type Proxied,
  type ProxiedOptions,
  startProxied,
} from '../../../support/proxy/proxied.ts';

const BOX = 'b'.repeat(64);
const SERVICE = '10.39.255.254';
const CREATED = { status: 201, body: { Id: BOX, Warnings: [] } };

let proxied: Proxied;
afterEach(() => proxied.close());

const PROD = { Id: 'e'.repeat(64), Name: 'prod', Driver: 'mesh', Options: { 'mesh.network': 'prod' } };
const engine: Player = ({ method, path }) => {
  if (path.startsWith('/containers/create')) return CREATED;
  if (path === '/networks/prod') return { status: 200, body: PROD };
  if (path.startsWith('/networks/') && method === 'GET')
    return { status: 200, body: { Id: 'f'.repeat(64), Name: 'own', Driver: 'bridge' } };
  return { status: 200 };
};

async function create(body: unknown, options: Partial<ProxiedOptions> = {}, query = '?name=web') {
  proxied = await startProxied({ engine, ...options });
  return proxied.ask('POST', `/v1.41/containers/create${query}`, body);
}
const sent = (): Record<string, unknown> =>
  proxied.asked.find(({ path }) => path.startsWith('/containers/create'))?.body as Record<string, unknown>;
const connected = () => proxied.asked.filter(({ path }) => path.endsWith('/connect'));
const messageOf = ({ body }: { body: unknown }) => (body as { message: string }).message;

describe('POST /containers/create', () => {
  it('puts a container on the mesh before the client hears of it, with an address that stays its own', async () => {
    expect(await create({ Image: 'busybox' })).toMatchObject(CREATED);
    expect(proxied.calls).toEqual([['allocate', { owner: BOX, subnet: '10.32.0.0/13' }]]);
    expect(connected()).toMatchObject([
      {
        path: '/networks/mesh/connect',
        body: {
          Container: BOX,
          EndpointConfig: { IPAMConfig: { IPv4Address: '10.32.0.5' }, DriverOpts: { 'mesh.container': BOX } },
        },
      },
    ]);
  });

  it('tells it whom to ask for names, and how it is called', async () => {
    await create({ Image: 'busybox', Cmd: null });
    expect(sent()).toEqual({
      Image: 'busybox',
      Cmd: null,
      Hostname: 'web',
      Domainname: 'mesh.internal',
      HostConfig: { Dns: [SERVICE], DnsSearch: ['mesh.internal'] },
    });
  });

  it('keeps what the user said of names', async () => {
    await create({
      hostname: 'own',
      Domainname: 'example.org',
      HostConfig: { dns: ['10.0.0.1'], DnsSearch: ['example.org'] },
    });
    expect(sent()).toEqual({
      hostname: 'own',
      Domainname: 'example.org',
      HostConfig: { dns: ['10.0.0.1', SERVICE], DnsSearch: ['example.org'] },
    });
  });

  it.each<[string, Partial<ProxiedOptions['rules']>, object, unknown]>([
    [
      'the label',
      { names: { label: 'called', match: /(.*)/, replacement: '$1' } },
      { called: 'shop' },
      'shop',
    ],
    [
      'a part of the name',
      { names: { label: undefined, match: /^(.).*$/, replacement: 'host-$1' } },
      {},
      'host-w',
    ],
    [
      'nothing where the label is missing',
      { names: { label: 'called', match: /(.*)/, replacement: '$1' } },
      {},
      undefined,
    ],
    [
      'nothing that the kernel would not take',
      { names: { label: undefined, match: /web/, replacement: 'w'.repeat(60) } },
      {},
      undefined,
    ],
  ])('calls it by %s', async (_, rules, Labels, expected) => {
    await create({ Labels }, { rules: rules! });
    expect(sent()['Hostname']).toBe(expected);
  });

  it('changes nothing but the network where names are none of its business', async () => {
    await create({ Image: 'busybox' }, { rules: { dns: undefined } });
    expect(sent()).toEqual({ Image: 'busybox' });
    expect(connected()).toHaveLength(1);
  });

  it.each<[string, readonly string[], readonly (readonly [string, unknown])[]]>([
    ['its address', ['MESH_CIDR=10.32.7.7/13'], [['claim', { owner: BOX, address: '10.32.7.7/13' }]]],
    [
      'the last of several',
      ['MESH_CIDR=none', 'MESH_CIDR='],
      [['allocate', { owner: BOX, subnet: '10.32.0.0/13' }]],
    ],
    ['none', ['MESH_CIDR=none'], []],
  ])('follows what it says: %s', async (_, Env, calls) => {
    expect((await create({ Env })).status).toBe(201);
    expect(proxied.calls).toEqual(calls);
    expect(connected()).toHaveLength(calls.length);
  });

  it('leaves to the start what is of other subnets', async () => {
    await create({ Env: ['MESH_CIDR=10.9.0.1/24 net:10.8.0.0/24'] });
    // But that it can be had is known before.
    expect(proxied.calls).toEqual([
      ['dns', undefined],
      ['allocate', { owner: BOX, subnet: '10.8.0.0/24' }],
      ['claim', { owner: BOX, address: '10.9.0.1/24' }],
      ['release', { owner: BOX }],
    ]);
    expect(connected()).toEqual([]);
    // Who is attached later asks at the engine's bridge.
    expect(sent()['HostConfig']).toMatchObject({ Dns: ['172.17.0.1'] });
  });

  const outside = (value: string) => ({ code: 'subnet-outside', value, range: '10.32.0.0/12' }) as const;

  it('takes back what would run in vain', async () => {
    const allocate = async () => refuse(outside('10.8.0.0/24'));
    const answer = await create({ Env: ['MESH_CIDR=net:default net:10.8.0.0/24'] }, { mesh: { allocate } });
    expect([answer.status, messageOf(answer)]).toEqual([
      500,
      "the container can't be put on the mesh: 10.8.0.0/24 lies outside of 10.32.0.0/12, which is what the mesh gives out",
    ]);
    expect(connected()).toEqual([]);
    expect(proxied.asked.at(-1)?.method).toBe('DELETE');
  });

  it("takes an address that the mesh does not give out for a user's own", async () => {
    const claim = async () => refuse(outside('10.9.0.1/24'));
    expect(await create({ Env: ['MESH_CIDR=10.9.0.1/24'] }, { mesh: { claim } })).toMatchObject(CREATED);
  });

  it.each([
    ['MESH_CIDR=none 10.32.7.7/13', 'MESH_CIDR: "none" stands alone'],
    ['MESH_CIDR=10.32.7.7', 'MESH_CIDR: "10.32.7.7" is neither'],
    ['MESH_CIDR=net:all', 'MESH_CIDR: "net:all" is neither'],
  ])('refuses what makes no sense, and makes nothing: %s', async (variable, why) => {
    const answer = await create({ Env: [variable] });
    expect(answer.status).toBe(400);
    expect(messageOf(answer)).toContain(why);
    expect(proxied.asked).toEqual([]);
  });

  it('joins only who asks where that is the rule', async () => {
    await create({ Image: 'busybox' }, { rules: { isDefault: false } });
    expect(sent()).toEqual({ Image: 'busybox' });
    expect([connected(), proxied.calls]).toEqual([[], []]);
    await proxied.close();
    await create({ Env: ['MESH_CIDR='] }, { rules: { isDefault: false } });
    expect(connected()).toHaveLength(1);
  });

  it.each(['none', 'host', 'container:web'])('leaves a container alone in network mode %s', async mode => {
    const body = { Image: 'busybox', HostConfig: { NetworkMode: mode } };
    expect(await create(body)).toMatchObject(CREATED);
    expect(sent()).toEqual(body);
    expect(proxied.asked).toHaveLength(1);
    expect(proxied.calls).toEqual([]);
  });

  it('says so where that is not what was asked for', async () => {
    const body = { Env: ['MESH_CIDR=10.32.7.7/13'], HostConfig: { NetworkMode: 'host' } };
    expect((await create(body)).body).toEqual({
      Id: BOX,
      Warnings: ['MESH_CIDR is not followed: with network mode "host" the container is left alone'],
    });
  });

  it('lets who is made on a network of the mesh ask for names there', async () => {
    const networks = [{ ...REPORT.networks[0]!, name: 'prod', subnets: ['10.40.0.0/16'] }];
    const mesh = { report: async () => ok({ ...REPORT, networks }) };
    await create({ HostConfig: { NetworkMode: 'prod' } }, { mesh });
    expect(sent()).toEqual({
      Hostname: 'web',
      Domainname: 'mesh.internal',
      HostConfig: { NetworkMode: 'prod', Dns: ['10.40.255.254'], DnsSearch: ['mesh.internal'] },
    });
    expect(connected()).toEqual([]);
    await proxied.close();
    const unwanted = { Env: ['MESH_CIDR=none'], HostConfig: { NetworkMode: 'prod' } };
    await create(unwanted, { mesh });
    expect(sent()).toEqual(unwanted);
    await proxied.close();
    const own = { HostConfig: { NetworkMode: 'own' } };
    await create(own, { mesh });
    expect(sent()).toEqual(own);
  });

  it('takes the container back where it can not be joined', async () => {
    const problem = { code: 'address-taken', value: '10.32.7.7', holder: 'box1', host: 'host2' } as const;
    const answer = await create(
      { Env: ['MESH_CIDR=10.32.7.7/13'] },
      { mesh: { claim: async () => refuse(problem) } },
    );
    expect(answer.status).toBe(500);
    expect(messageOf(answer)).toBe(
      "the container can't be put on the mesh: 10.32.7.7 is held by box1 on host2; take another, or detach it there",
    );
    expect(proxied.calls.at(-1)).toEqual(['release', { owner: BOX }]);
    expect(proxied.asked.at(-1)).toMatchObject({ method: 'DELETE', path: `/containers/${BOX}?force=1&v=1` });
  });

  it('does so as well where the engine refuses the network', async () => {
    const refusing: Player = asked =>
      asked.path.endsWith('/connect') ? { status: 403, body: { message: 'no room' } } : engine(asked);
    const answer = await create({}, { engine: refusing });
    expect(messageOf(answer)).toBe("the container can't be put on the mesh: network mesh: no room");
    expect(proxied.asked.at(-1)?.method).toBe('DELETE');
  });

  it('waits for the network of a router that has just started', async () => {
    let has = false;
    const late: Player = asked =>
      asked.path.endsWith('/connect') && !has
        ? { status: 404, body: { message: 'no network' } }
        : engine(asked);
    const settled = async (): Promise<void> => {
      has = true;
    };
    expect(await create({}, { engine: late, drivers: { settled } })).toMatchObject(CREATED);
    expect(connected()).toHaveLength(2);
  });

  it('passes on what the engine refuses', async () => {
    const refusing: Player = () => ({ status: 404, body: { message: 'No such image: x' } });
    expect(await create({ Image: 'x' }, { engine: refusing })).toMatchObject({
      status: 404,
      body: { message: 'No such image: x' },
    });
    expect(proxied.calls).toEqual([]);
  });

  it.each([
    [
      '{"Image":"busybox","HostConfig":{"NetworkMode":"host"},"HostConfig":{}}',
      'one object of JSON with each field once',
    ],
    ['[]', 'one object of JSON'],
  ])('leaves nothing of what could be read in two ways: %s', async (text, why) => {
    const answer = await create(text);
    expect(answer.status).toBe(400);
    expect(messageOf(answer)).toContain(why);
    expect(proxied.asked.at(-1)).toMatchObject({ method: 'DELETE', path: `/containers/${BOX}?force=1&v=1` });
  });

  it('refuses a field that stands there twice under different spellings', async () => {
    expect((await create('{"HostConfig":{},"hostconfig":{"NetworkMode":"host"}}')).status).toBe(400);
    expect(proxied.asked).toEqual([]);
  });

  it('keeps all digits of numbers', async () => {
    const text = '{"HostConfig":{"Memory":9007199254740993,"CpuQuota":1.50}}';
    let raw = '';
    proxied = await startProxied({
      engine: asked => {
        raw ||= asked.text;
        return engine(asked);
      },
    });
    await proxied.ask('POST', '/containers/create', text);
    expect(raw).toContain('"Memory":9007199254740993,"CpuQuota":1.50');
  });
});
