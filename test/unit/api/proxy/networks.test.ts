import { afterEach, describe, expect, it } from 'vitest';
import { ok, refuse } from '../../../../src/core/errors.ts';
import { REPORT } from '../../../support/fake-router.ts';
import {
  type Asked,
  type Player,
  type Proxied,
  type ProxiedOptions,
  startProxied,
} from '../../../support/proxy/proxied.ts';

const ID = 'e'.repeat(64);
const BOX = 'b'.repeat(64);
const ours = (name = 'prod') => ({ Id: ID, Name: name, Driver: 'mesh', Options: { 'mesh.network': name } });

let proxied: Proxied;
const start = async (options: ProxiedOptions): Promise<Proxied> => {
  proxied = await startProxied(options);
  return proxied;
};
afterEach(() => proxied.close());

const paths = ({ asked }: Proxied): readonly string[] => asked.map(({ method, path }) => `${method} ${path}`);
const found = (body: unknown) => ({ status: 200, body });

describe('POST /networks/create', () => {
  /** It has no network until the mesh gives it one. */
  function playing(options: Partial<ProxiedOptions> = {}): ProxiedOptions {
    let has: string | undefined;
    return {
      engine: ({ method, path }) => {
        if (method === 'GET' && path === `/networks/${has}`) return found(ours(has));
        return method === 'POST' ? { status: 201, body: { Id: 'd'.repeat(64), Warning: '' } } : undefined;
      },
      ...options,
      mesh: {
        createNetwork: async ({ name }) => {
          has = name;
          return ok({ ...REPORT.networks[0]!, name });
        },
        ...options.mesh,
      },
    };
  }
  const create = (body: unknown, options?: Partial<ProxiedOptions>) =>
    start(playing(options)).then(each => each.ask('POST', '/v1.41/networks/create', body));
  const wished = () =>
    proxied.calls.filter(([call]) => call === 'createNetwork').map(([, request]) => request);

  it('makes one of the mesh, and gives what the engine calls it', async () => {
    const answer = await create({ Name: 'prod', Driver: 'mesh', CheckDuplicate: true });
    expect(answer).toMatchObject({ status: 201, body: { Id: ID, Warning: '' } });
    expect(answer.headers['api-version']).toBe('1.41');
    expect(wished()).toEqual([{ name: 'prod', labels: {} }]);
    // The engine made nothing by this: it is the mesh that gives it the network.
    expect(paths(proxied)).toEqual(['GET /networks/prod', 'GET /networks/prod']);
    expect(proxied.asked.map(({ version }) => version)).toEqual(['/v1.41', '/v1.41']);
  });

  it('keeps subnet, range, gateway, other addresses, MTU, labels, and whether it leads out', async () => {
    const config = {
      Subnet: '10.40.0.0/16',
      IPRange: '10.40.4.0/24',
      Gateway: '10.40.0.1',
      AuxiliaryAddresses: { printer: '10.40.0.9' },
    };
    await create({
      name: 'prod',
      DRIVER: 'mesh',
      EnableIPv6: false,
      Attachable: true,
      Internal: true,
      Labels: { team: 'a' },
      Options: { 'com.docker.network.driver.mtu': '1300', 'mesh.network': 'prod' },
      IPAM: { Driver: 'default', Options: null, Config: [config] },
    });
    expect(wished()).toEqual([
      {
        name: 'prod',
        subnets: ['10.40.0.0/16'],
        range: '10.40.4.0/24',
        gateway: '10.40.0.1',
        aux: { printer: '10.40.0.9' },
        mtu: 1300,
        internal: true,
        labels: { team: 'a' },
      },
    ]);
  });

  it.each<[string, unknown]>([
    ['absent', undefined],
    ['null', null],
    ['of no driver', { Config: [] }],
    ['the default', { Driver: 'default', Config: null, Options: {} }],
    ["the mesh's", { Driver: 'mesh', Config: [{}] }],
  ])('takes addresses from the mesh where IPAM is %s', async (_, IPAM) => {
    expect((await create({ Name: 'prod', Driver: 'mesh', IPAM })).status).toBe(201);
    expect(wished()).toEqual([{ name: 'prod', labels: {} }]);
  });

  it.each<[string, object, string | RegExp]>([
    ['no name', { Name: '' }, 'a network needs a name'],
    ['another IPAM driver', { IPAM: { Driver: 'null' } }, /^IPAM driver "null": /],
    [
      'an option of it',
      { IPAM: { Options: { serial: 'true' } } },
      '--ipam-opt serial: the mesh knows no such option',
    ],
    [
      'two subnets',
      { IPAM: { Config: [{ Subnet: '10.40.0.0/24' }, { Subnet: '10.40.1.0/24' }] } },
      /has one subnet/,
    ],
    ['a range without a subnet', { IPAM: { Config: [{ IPRange: '10.40.0.0/24' }] } }, /take --subnet/],
    ['a subnet that is no text', { IPAM: { Config: [{ Subnet: 7 }] } }, 'Subnet is no text'],
    ['a list that is none', { IPAM: { Config: 'x' } }, 'IPAM.Config is no list'],
    ['an option', { Options: { color: 'red' } }, /^there is no option "color" for a mesh network/],
    [
      'encryption or not',
      { Options: { encrypted: 'x' } },
      '-o encrypted=x: it takes no value, or true, or false',
    ],
    ['an MTU', { Options: { mtu: 'big' } }, '-o mtu=big: it takes a number from 576 to 65535'],
    [
      'another name',
      { Options: { 'mesh.network': 'other' } },
      '-o mesh.network=other: the network is called "prod"',
    ],
    ['IPv6', { EnableIPv6: true }, /^EnableIPv6: the mesh has no IPv6/],
    ['no IPv4', { EnableIPv4: false }, /^EnableIPv4: /],
    ['Swarm', { Ingress: true }, /^Ingress: /],
    ['a scope', { Scope: 'swarm' }, /^Scope: /],
    ['a mere configuration', { ConfigOnly: true }, /^ConfigOnly: /],
    ['one that is elsewhere', { ConfigFrom: { Network: 'x' } }, /^ConfigFrom: /],
    ['labels that are none', { Labels: { team: 1 } }, 'Labels: team is no text'],
    ['two names', { name: 'other' }, 'Name stands several times in the body of the request'],
  ])('refuses by name what a mesh network has not: %s', async (_, more, message) => {
    const { body, status } = await create({ Name: 'prod', Driver: 'mesh', ...more });
    expect(status).toBe(400);
    expect((body as { message: string }).message).toMatch(message);
    expect(proxied.calls).toEqual([]);
    expect(proxied.asked).toEqual([]);
  });

  it('lets all other networks pass as they are', async () => {
    const text = '{"Name":"own","Driver":"bridge","Options":{"n":1.10}}';
    expect(await create(text)).toMatchObject({ status: 201, body: { Id: 'd'.repeat(64) } });
    await proxied.ask('POST', '/networks/create', 'no JSON');
    expect(proxied.asked.map(({ body }) => body)).toEqual([JSON.parse(text), 'no JSON']);
    expect(proxied.calls).toEqual([]);
  });

  it('refuses a name that the mesh has, or this engine', async () => {
    const conflict = { status: 409, body: { message: 'network with name mesh already exists' } };
    expect(await create({ Name: 'mesh', Driver: 'mesh' })).toMatchObject(conflict);
    await proxied.close();
    const engine: Player = ({ path }) =>
      path === '/networks/own' ? found({ Id: ID, Name: 'own', Driver: 'bridge' }) : undefined;
    expect((await create({ Name: 'own', Driver: 'mesh' }, { engine })).status).toBe(409);
    expect(wished()).toEqual([]);
  });

  it('is not misled by an id that begins with the name', async () => {
    let has: object = { Id: `abc${'0'.repeat(61)}`, Name: 'own', Driver: 'bridge' };
    const engine: Player = ({ path }) => (path === '/networks/abc' ? found(has) : undefined);
    const mesh: ProxiedOptions['mesh'] = {
      createNetwork: async ({ name }) => {
        has = ours(name);
        return ok({ ...REPORT.networks[0]!, name });
      },
    };
    expect((await create({ Name: 'abc', Driver: 'mesh' }, { engine, mesh })).status).toBe(201);
  });

  it.each([
    [{ code: 'subnet-overlaps', value: '10.32.0.0/24', network: 'mesh', other: '10.32.0.0/13' }, 403],
    [{ code: 'subnet-outside', value: '192.168.7.0/24', range: '10.32.0.0/12' }, 400],
    [{ code: 'network-name', value: 'a b' }, 400],
    [{ code: 'network-exists', network: 'prod', subnets: '10.40.0.0/16' }, 409],
  ] as const)('passes on what the mesh refuses: %j', async (problem, status) => {
    const answer = await create(
      { Name: 'prod', Driver: 'mesh' },
      { mesh: { createNetwork: async () => refuse(problem) } },
    );
    expect(answer.status).toBe(status);
    expect((answer.body as { message: string }).message).not.toBe('');
  });

  it('takes it back where this engine does not have it', async () => {
    const answer = await create({ Name: 'prod', Driver: 'mesh' }, { engine: () => undefined });
    expect(answer).toMatchObject({
      status: 500,
      body: { message: 'the engine of this host does not take network "prod"; "mesh logs" says why' },
    });
    expect(proxied.calls.at(-1)).toEqual(['removeNetwork', { name: 'prod' }]);
  });
});

describe('GET /networks/ID', () => {
  it('shows the options that a user gave, and none that is set to know it again', async () => {
    const Options = { 'mesh.network': 'prod', 'com.docker.network.driver.mtu': '1300' };
    await start({ engine: () => found({ ...ours(), Options, Created: '2026-03-01T12:00:00Z' }) });
    const { body, headers, status } = await proxied.ask('GET', '/v1.41/networks/prod?verbose=true');
    expect([status, headers['api-version']]).toEqual([200, '1.41']);
    expect(body).toEqual({
      ...ours(),
      Options: { 'com.docker.network.driver.mtu': '1300' },
      Created: '2026-03-01T12:00:00Z',
    });
    expect(paths(proxied)).toEqual(['GET /networks/prod?verbose=true']);
  });

  it.each([
    [{ Id: ID, Name: 'own', Driver: 'bridge', Options: { 'mesh.network': 'x' } }],
    [{ Id: ID, Name: 'ours', Driver: 'mesh', Options: {} }],
    [{ Id: ID, Name: 'ours', Driver: 'mesh', Options: null }],
  ])('lets all others pass: %j', async network => {
    await start({ engine: () => found(network) });
    expect((await proxied.ask('GET', '/networks/own')).body).toEqual(network);
  });

  it('lets the list of them pass', async () => {
    await start({ engine: () => found([ours()]) });
    expect((await proxied.ask('GET', '/networks')).body).toEqual([ours()]);
  });
});

describe('DELETE /networks/ID', () => {
  const holding = (body: object): Player => {
    let isThere = true;
    return ({ method }) => {
      if (!isThere) return { status: 404, body: { message: 'no such network' } };
      if (method === 'DELETE') isThere = false;
      return method === 'DELETE' ? { status: 204 } : found(body);
    };
  };

  it.each([['prod'], [ID], [ID.slice(0, 12)]])(
    'removes one of the mesh everywhere, called %s',
    async name => {
      await start({ engine: holding(ours()) });
      expect(await proxied.ask('DELETE', `/v1.41/networks/${name}`)).toMatchObject({
        status: 204,
        body: undefined,
      });
      expect(proxied.calls).toEqual([['removeNetwork', { name: 'prod' }]]);
    },
  );

  it('counts one as removed that the mesh has taken from the engine by then', async () => {
    let asked = 0;
    const engine: Player = () => {
      asked += 1;
      return asked === 1 ? found(ours()) : { status: 404, body: { message: 'no such network' } };
    };
    await start({ engine });
    const answer = await proxied.ask('DELETE', '/networks/prod');
    expect(answer).toMatchObject({ status: 204, body: undefined });
    expect(answer.headers['api-version']).toBe('1.41');
    expect(answer.headers['content-type']).toBeUndefined();
  });

  it('refuses while something is on it on any host, and the engine hears nothing of it', async () => {
    const problem = { code: 'network-in-use', network: 'prod', holders: 'db on host2' } as const;
    await start({ engine: holding(ours()), mesh: { removeNetwork: async () => refuse(problem) } });
    expect(await proxied.ask('DELETE', '/networks/prod')).toMatchObject({
      status: 403,
      body: { message: 'network "prod" is in use by db on host2; detach or remove those first' },
    });
    expect(paths(proxied)).toEqual(['GET /networks/prod']);
  });

  it('removes one that only the engine has', async () => {
    const problem = { code: 'network-unknown', network: 'prod' } as const;
    await start({ engine: holding(ours()), mesh: { removeNetwork: async () => refuse(problem) } });
    expect((await proxied.ask('DELETE', '/networks/prod')).status).toBe(204);
    expect(paths(proxied).at(-1)).toBe('DELETE /networks/prod');
  });

  it('lets all others pass', async () => {
    await start({ engine: holding({ Id: ID, Name: 'own', Driver: 'bridge', Options: {} }) });
    expect((await proxied.ask('DELETE', '/networks/own')).status).toBe(204);
    expect(await proxied.ask('DELETE', '/networks/none')).toMatchObject({
      status: 404,
      body: { message: 'no such network' },
    });
    expect(proxied.calls).toEqual([]);
  });
});

describe('POST /networks/ID/connect', () => {
  const engine: Player = ({ method, path }) => {
    if (method === 'POST') return { status: 200 };
    if (path === '/networks/prod') return found(ours());
    if (path === '/networks/own') return found({ Id: ID, Name: 'own', Driver: 'bridge' });
    return path === '/containers/box%203/json' ? found({ Id: BOX }) : undefined;
  };
  const sent = ({ asked }: Proxied): unknown =>
    asked.filter(({ method }: Asked) => method === 'POST').at(-1)?.body;

  it('tells the drivers who it is, and has its names known before it answers', async () => {
    let known = false;
    const identify = async (): Promise<void> => {
      await new Promise(resolve => setTimeout(resolve, 20));
      known = true;
    };
    await start({ engine, drivers: { identify } });
    const aliases = { Aliases: ['store'], DriverOpts: { other: '1' } };
    const answer = await proxied.ask('POST', '/networks/prod/connect', {
      Container: 'box 3',
      EndpointConfig: aliases,
    });
    expect([answer.status, known]).toEqual([200, true]);
    expect(sent(proxied)).toEqual({
      Container: 'box 3',
      EndpointConfig: { Aliases: ['store'], DriverOpts: { other: '1', 'mesh.container': BOX } },
    });
    expect(proxied.calls).toEqual([['identify', BOX]]);
  });

  it('does so where nothing was said of the endpoint', async () => {
    await start({ engine });
    await proxied.ask('POST', '/networks/prod/connect', { Container: 'box 3', EndpointConfig: null });
    expect(sent(proxied)).toEqual({
      Container: 'box 3',
      EndpointConfig: { DriverOpts: { 'mesh.container': BOX } },
    });
  });

  it.each<[string, string, unknown]>([
    ['another network', 'own', { Container: 'box 3' }],
    ['a network that is not there', 'none', { Container: 'box 3' }],
    ['a container that is not there', 'prod', { Container: 'none' }],
    ['no container', 'prod', {}],
    ['no JSON', 'prod', 'no JSON'],
  ])('lets all else pass: %s', async (_, network, body) => {
    await start({ engine });
    await proxied.ask('POST', `/networks/${network}/connect`, body);
    expect(sent(proxied)).toEqual(body);
    expect(proxied.calls).toEqual([]);
  });

  it('goes on where its names can not be learnt', async () => {
    await start({ engine, drivers: { identify: () => new Promise(() => {}) } });
    expect((await proxied.ask('POST', '/networks/prod/connect', { Container: 'box 3' })).status).toBe(200);
  });

  it('refuses an endpoint that is none', async () => {
    await start({ engine });
    const body = { Container: 'box 3', EndpointConfig: 'x' };
    expect((await proxied.ask('POST', '/networks/prod/connect', body)).status).toBe(400);
  });
});

describe('POST /networks/ID/disconnect', () => {
  const at = (NetworkID: string, IPAMConfig?: object): object => ({
    Id: BOX,
    NetworkSettings: { Networks: { other: { NetworkID: 'f'.repeat(64) }, mesh: { NetworkID, IPAMConfig } } },
  });
  const playing =
    (container: object, status = 200): Player =>
    ({ method, path }) => {
      if (method === 'POST') return { status };
      if (path === '/networks/prod') return found(ours());
      if (path === '/networks/own') return found({ Id: ID, Name: 'own', Driver: 'bridge' });
      return path === '/containers/box/json' ? found(container) : undefined;
    };
  const BODY = { Container: 'box', Force: false };
  const FIXED = { IPv4Address: '10.40.0.7' };

  it('frees the address that was kept for the container, when the engine has let it go', async () => {
    await start({ engine: playing(at(ID, FIXED)) });
    expect((await proxied.ask('POST', '/networks/prod/disconnect', BODY)).status).toBe(200);
    expect(proxied.asked.at(-1)).toMatchObject({ method: 'POST', body: BODY });
    expect(proxied.calls).toEqual([['release', { owner: BOX, address: '10.40.0.7' }]]);
  });

  it('says what the engine says though nothing was kept', async () => {
    const release = async () => refuse({ code: 'address-unallocated', value: '10.40.0.7' });
    await start({ engine: playing(at(ID, FIXED)), mesh: { release } });
    expect((await proxied.ask('POST', '/networks/prod/disconnect', BODY)).status).toBe(200);
  });

  it.each<[string, string, Player]>([
    ['that has no fixed address', 'prod', playing(at(ID))],
    ['that is not on it', 'prod', playing(at('c'.repeat(64), FIXED))],
    ['that the engine keeps on it', 'prod', playing(at(ID, FIXED), 403)],
    ['of another network', 'own', playing(at(ID, FIXED))],
    ['that is not there', 'prod', playing({ message: 'No such container' })],
  ])('frees nothing of a container %s', async (_, network, engine) => {
    await start({ engine });
    await proxied.ask('POST', `/networks/${network}/disconnect`, BODY);
    expect(proxied.asked.at(-1)).toMatchObject({ method: 'POST', body: BODY });
    expect(proxied.calls).toEqual([]);
  });
});
