import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PluginHost } from '../../../src/api/plugin/host.ts';
import { createPluginServer, type PluginServer } from '../../../src/api/plugin/server.ts';
import { CUT_OFF } from '../../../src/ports/engine-endpoints.ts';
import { ask, cidr, three } from '../../support/address-mesh.ts';
import { createFakeLog } from '../../support/fake-log.ts';
import {
  createNetwork,
  endEndpoint,
  type PluginClient,
  pluginClient,
  startEndpoint,
} from '../../support/plugin-client.ts';
import { EACH_RELEASE, type Release } from '../../support/releases.ts';
import type { VirtualHost, VirtualMesh } from '../../support/virtual-mesh.ts';

const NETWORK = 'ab'.repeat(32);
const ids = (number: number) => ({ NetworkID: NETWORK, EndpointID: `${number}`.padStart(64, 'e') });

describe('the drivers', () => {
  let folder: string;
  let mesh: VirtualMesh;
  let host: VirtualHost;
  let server: PluginServer;
  let client: PluginClient;
  const identified: string[] = [];
  const socketPath = () => join(folder, 'plugins', 'mesh.sock');

  const serve = (pluginHost: PluginHost, callMs?: number): PluginServer =>
    createPluginServer({
      socketPath: socketPath(),
      host: pluginHost,
      prefix: 'ethmesh',
      multicastOption: 'mesh.multicast',
      log: createFakeLog(),
      ...(callMs && { callMs }),
    });
  const pluginHost = (): PluginHost => ({
    ask: async command => ask(mesh, host, command),
    identified: container => void identified.push(container),
    isUnicast: async () => false,
    compare: async () => {},
  });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'plugin-'));
    ({ mesh, a: host } = three({ universe: cidr('10.32.0.0/16') }));
    identified.length = 0;
    server = serve(pluginHost());
    expect(await server.start()).toEqual({ ok: true, value: undefined });
    client = pluginClient(socketPath());
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const create = (release: Release, wish: Parameters<typeof createNetwork>[3] = {}) =>
    createNetwork(client, release, NETWORK, {
      subnet: '10.32.0.0/24',
      options: { 'mesh.network': 'mesh' },
      ...wish,
    });
  const owned = () => host.host.allocations.map(({ owner }) => owner);

  describe.each(EACH_RELEASE)('with Docker %s', release => {
    it('make a network, start and end containers, and have nothing left', async () => {
      expect(await client.must('Plugin.Activate')).toEqual({ Implements: ['NetworkDriver', 'IpamDriver'] });
      expect(await client.must('NetworkDriver.GetCapabilities')).toMatchObject({
        Scope: 'local',
        ConnectivityScope: 'global',
      });
      expect(await client.must('IpamDriver.GetCapabilities')).toMatchObject({ RequiresMACAddress: false });
      const pool = await create(release);
      expect(pool).toBe('10.32.0.0/24');
      const one = await startEndpoint(client, pool, ids(1));
      const two = await startEndpoint(client, pool, ids(2), { address: '10.32.0.77' });
      expect(two.address).toBe('10.32.0.77/24');
      expect(one.address).not.toBe(two.address);
      expect(one.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      expect(one.joined).toEqual({
        InterfaceName: { SrcName: one.device, DstPrefix: 'ethmesh' },
        StaticRoutes: [{ Destination: '224.0.0.0/4', RouteType: 1, NextHop: '' }],
      });
      await endEndpoint(client, pool, ids(1), one.address);
      await endEndpoint(client, pool, ids(2), two.address);
      await client.must('NetworkDriver.DeleteNetwork', { NetworkID: NETWORK });
      await client.must('IpamDriver.ReleasePool', { PoolID: pool });
      expect(owned()).toEqual([]);
      expect(host.plumbed.size).toBe(0);
    });

    it('make a network of their own choice, and one with all that can be chosen', async () => {
      const any = await createNetwork(client, release, NETWORK);
      expect(any).toMatch(/^10\.32\.\d+\.0\/2[0-9]$/);
      expect(await createNetwork(client, release, 'cd'.repeat(32))).not.toBe(any);
      const wish = {
        subnet: '10.32.128.0/24',
        range: '10.32.128.128/25',
        gateway: '10.32.128.1',
        aux: { printer: '10.32.128.2' },
        options: { 'com.docker.network.driver.mtu': '1400', mtu: '1400' },
        internal: true,
      };
      expect(await createNetwork(client, release, 'ef'.repeat(32), wish)).toBe('10.32.128.0/24');
    });
  });

  it('give the MAC that the user chose to the container, and do not say it again', async () => {
    const pool = await create('20.10');
    const mac = '02:42:0a:20:00:05';
    const { address } = await startEndpoint(client, pool, ids(1), { mac });
    expect(host.plumbed.get(`mesh/endpoint:${ids(1).EndpointID}`)?.mac).toBe(mac);
    const again = { ...ids(1), Interface: { Address: address, MacAddress: mac }, Options: {} };
    expect(await client.must('NetworkDriver.CreateEndpoint', again)).toEqual({ Interface: {} });
  });

  it('are told whose an endpoint is by who connects it', async () => {
    const pool = await create('20.10');
    await startEndpoint(client, pool, ids(1), { options: { 'mesh.container': 'c'.repeat(64) } });
    expect(identified).toEqual(['c'.repeat(64)]);
  });

  it('let the container of an internal network reach nothing outside', async () => {
    const wish = { name: 'inner', subnets: [cidr('10.32.64.0/24')], internal: true };
    expect(ask(mesh, host, { kind: 'create-network', network: wish })).toMatchObject({ ok: true });
    const pool = await create('20.10', { subnet: '10.32.64.0/24', options: { 'mesh.network': 'inner' } });
    const { joined } = await startEndpoint(client, pool, ids(1));
    expect(joined).toMatchObject({ DisableGatewayService: true });
  });

  describe('refuse, in the form of the driver that was asked,', () => {
    const refusal = async (method: string, body: object): Promise<unknown> => {
      const answer = await client.call(method, body);
      expect(answer.status).toBe(200);
      const field = method.startsWith('Ipam') ? 'Error' : 'Err';
      expect(Object.keys(answer.body)).toEqual([field]);
      return answer.body[field];
    };
    const network = (over: object, generic: object = {}) => ({
      NetworkID: NETWORK,
      Options: { 'com.docker.network.enable_ipv6': false, 'com.docker.network.generic': generic },
      IPv4Data: [{ AddressSpace: 'mesh', Pool: '10.32.9.0/24', Gateway: '10.32.9.1/24', AuxAddresses: null }],
      IPv6Data: [],
      ...over,
    });

    it.each<[string, object, RegExp]>([
      ['an option that there is not', network({}, { color: 'red' }), /no option "color".*mesh\.network/],
      ['to encrypt or not', network({}, { encrypted: 'maybe' }), /encrypted=maybe: it takes no value/],
      ['an MTU that is none', network({}, { mtu: 'big' }), /mtu=big/],
      ['IPv6', network({ Options: { 'com.docker.network.enable_ipv6': true } }), /no IPv6/],
      ['a second subnet', network({ IPv4Data: [{}, {}] }), /one subnet/],
      [
        "addresses of Docker's own",
        network({ IPv4Data: [{ AddressSpace: 'LocalDefault', Pool: '172.19.0.0/16' }] }),
        /--ipam-driver mesh/,
      ],
      ['a network that there is not', network({}, { 'mesh.network': 'none' }), /no network "none"/],
      [
        'the subnet of another network',
        network({ IPv4Data: [{ AddressSpace: 'mesh', Pool: '10.32.0.0/24' }] }),
        /overlaps with .*"mesh"/,
      ],
    ])('%s', async (_, body, reason) => {
      expect(await refusal('NetworkDriver.CreateNetwork', body)).toMatch(reason);
    });

    it.each<[string, string, object, RegExp]>([
      ['IPv6 pools', 'RequestPool', { V6: true, Pool: 'fd00::/64' }, /IPv6/],
      ['pools of elsewhere', 'RequestPool', { Pool: '192.168.0.0/24' }, /outside of 10\.32/],
      ['a range without its subnet', 'RequestPool', { SubPool: '10.32.9.0/25' }, /--subnet/],
      ['unknown options', 'RequestPool', { Pool: '10.32.9.0/24', Options: { a: 'b' } }, /--ipam-opt a/],
      ['addresses elsewhere', 'RequestAddress', { PoolID: '10.32.0.0/24', Address: '10.9.9.9' }, /outside/],
      [
        'the address of the mesh',
        'RequestAddress',
        { PoolID: '10.32.0.0/24', Address: '10.32.0.254' },
        /mesh/,
      ],
      ['pools that are none', 'RequestAddress', { PoolID: 'x', Address: '' }, /not a subnet/],
    ])('%s', async (_, method, body, reason) => {
      expect(await refusal(`IpamDriver.${method}`, body)).toMatch(reason);
    });

    it('an address that something has, by the name of who has it', async () => {
      const pool = await create('20.10');
      await startEndpoint(client, pool, ids(1), { address: '10.32.0.9' });
      ask(mesh, host, { kind: 'name-endpoint', endpoint: ids(1).EndpointID, container: 'web', aliases: [] });
      const body = { PoolID: pool, Address: '10.32.0.9' };
      expect(await refusal('IpamDriver.RequestAddress', body)).toMatch(/held by web on this host/);
    });

    it('an endpoint without an address, or a join of one that there is not', async () => {
      const body = { ...ids(1), Interface: { Address: '', MacAddress: '' }, Options: {} };
      expect(await refusal('NetworkDriver.CreateEndpoint', body)).toMatch(/IPv4 address/);
      expect(await refusal('NetworkDriver.Join', { ...ids(1), SandboxKey: '/x' })).toMatch(/no endpoint/);
    });
  });

  describe('take no harm from', () => {
    it('methods that there are not: 404, by which engines know that', async () => {
      for (const path of [
        '/NetworkDriver.AllocateNetwork',
        '/IpamDriver.Dance',
        '/VolumeDriver.Create',
        '/',
        '/x.y',
      ])
        expect((await client.send(path, '{}')).status).toBe(404);
      for (const path of ['/NetworkDriver.constructor', '/NetworkDriver.toString', '/__proto__.x'])
        expect((await client.send(path, '{}')).status).toBe(404);
    });

    const CALLS = ['NetworkDriver.CreateNetwork', 'NetworkDriver.CreateEndpoint', 'NetworkDriver.Join'];
    const IPAM = ['IpamDriver.RequestPool', 'IpamDriver.RequestAddress', 'IpamDriver.ReleaseAddress'];
    const GARBAGE: readonly (string | Buffer)[] = [
      '',
      'null',
      '[]',
      '"x"',
      '{',
      '{"NetworkID":',
      '{"NetworkID":5,"EndpointID":{}}',
      '{"NetworkID":"../../etc","EndpointID":"x","SandboxKey":"x"}',
      '{"PoolID":5}',
      '{"PoolID":"10.32.0.0/24","Address":"10.32.0.999"}',
      '{"PoolID":"10.32.0.0/24","Address":"a","Options":7}',
      `{"NetworkID":"${'x'.repeat(500)}"}`,
      `{"__proto__":{"NetworkID":"a"},"constructor":1}`,
      Buffer.from([0, 255, 254, 1]),
      '['.repeat(20_000),
      `{"NetworkID":"${'x'.repeat(1024 * 1024)}"}`,
    ];

    it('garbage: a valid error, and nothing half made', async () => {
      const before = JSON.stringify([[...host.disk.keys()].sort(), [...host.plumbed.keys()], owned()]);
      for (const method of [...CALLS, ...IPAM]) {
        for (const body of GARBAGE) {
          // With nothing in it, a pool is a wish for any.
          if (method === 'IpamDriver.RequestPool' && body === 'null') continue;
          const answer = await client.send(`/${method}`, body);
          const why = answer.body[method.startsWith('Ipam') ? 'Error' : 'Err'];
          if (method === 'IpamDriver.RequestPool' && why === undefined) continue;
          expect([answer.status, typeof why, why === '']).toEqual([200, 'string', false]);
        }
      }
      expect(JSON.stringify([[...host.disk.keys()].sort(), [...host.plumbed.keys()], owned()])).toBe(before);
    });

    it('calls without a body, which an engine makes again of a router that has died: no wish for anything', async () => {
      const before = JSON.stringify([[...host.disk.keys()].sort(), [...host.plumbed.keys()], owned()]);
      const NETWORKS = [
        'CreateNetwork',
        'DeleteNetwork',
        'CreateEndpoint',
        'Join',
        'Leave',
        'DeleteEndpoint',
      ];
      const ADDRESSES = ['RequestPool', 'ReleasePool', 'RequestAddress', 'ReleaseAddress'];
      for (const name of NETWORKS)
        expect((await client.send(`/NetworkDriver.${name}`, '')).body['Err']).toContain(CUT_OFF);
      for (const name of ADDRESSES)
        expect((await client.send(`/IpamDriver.${name}`, '')).body['Error']).toContain(CUT_OFF);
      expect(JSON.stringify([[...host.disk.keys()].sort(), [...host.plumbed.keys()], owned()])).toBe(before);
      for (const name of ['NetworkDriver.GetCapabilities', 'IpamDriver.GetDefaultAddressSpaces'])
        expect(Object.keys((await client.send(`/${name}`, '')).body)).not.toContain('Err');
    });

    it('another verb than POST', async () => {
      const answer = await client.send('/NetworkDriver.Leave', '', { method: 'GET' });
      expect(answer.body['Err']).toMatch(/POST/);
    });
  });

  it('answer in time where the router does not', async () => {
    await server.close();
    server = serve({ ...pluginHost(), ask: () => new Promise(() => {}) }, 50);
    await server.start();
    const asked = await client.call('IpamDriver.RequestAddress', { PoolID: '10.32.0.0/24', Address: '' });
    expect(asked.body['Error']).toMatch(/no answer of the mesh within 0\.05 s/);
    const joined = await client.call('NetworkDriver.Join', { ...ids(1), SandboxKey: '/x' });
    expect(joined.body['Err']).toMatch(/no answer/);
  });

  it('take the place of a socket that a dead router left, not of one that is answered', async () => {
    await server.close();
    expect(existsSync(socketPath())).toBe(false);
    writeFileSync(socketPath(), '');
    server = serve(pluginHost());
    expect(await server.start()).toMatchObject({ ok: true });
    await server.close();
    const other = createServer().listen(socketPath());
    await new Promise(resolve => other.once('listening', resolve));
    const refused = await serve(pluginHost()).start();
    expect(refused).toEqual({ ok: false, problem: { code: 'plugin-taken', path: socketPath() } });
    await new Promise(resolve => other.close(resolve));
  });
});
