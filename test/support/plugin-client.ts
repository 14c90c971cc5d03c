import { request } from 'node:http';
import { RELEASES, type Release } from './releases.ts';

/** Stands for an engine: makes the calls that engines make of their drivers, as they make them, without an engine. */

export interface PluginAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface PluginClient {
  /** Any bytes, as the body of a call. */
  send(path: string, body: string | Buffer, how?: { readonly method?: string }): Promise<PluginAnswer>;
  call(method: string, body?: object): Promise<PluginAnswer>;
  /** One that must not be refused. */
  must(method: string, body?: object): Promise<Readonly<Record<string, unknown>>>;
}

export function pluginClient(socketPath: string): PluginClient {
  const send: PluginClient['send'] = (path, body, { method = 'POST' } = {}) =>
    new Promise((resolve, reject) => {
      const headers = {
        // As Go's client sends it to a socket.
        host: '',
        accept: 'application/vnd.docker.plugins.v1.2+json',
        'user-agent': 'Go-http-client/1.1',
        'content-length': Buffer.byteLength(body),
      };
      const asked = request({ socketPath, path, method, headers, agent: false }, response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', part => {
          text += part;
        });
        response.on('end', () => {
          const parsed: unknown = JSON.parse(text);
          resolve({ status: response.statusCode ?? 0, body: parsed as PluginAnswer['body'] });
        });
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
  // Go writes what has no fields as `null`.
  const call: PluginClient['call'] = (method, body) =>
    send(`/${method}`, body === undefined ? 'null' : JSON.stringify(body));
  return {
    send,
    call,
    async must(method, body) {
      const answer = await call(method, body);
      const why = answer.body['Err'] ?? answer.body['Error'];
      if (answer.status !== 200 || why !== undefined) throw new Error(`${method}: ${answer.status} ${why}`);
      return answer.body;
    },
  };
}

export interface NetworkWish {
  readonly subnet?: string;
  readonly range?: string;
  readonly gateway?: string;
  readonly aux?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly internal?: boolean;
}

/** `docker network create -d mesh --ipam-driver mesh`, call by call; gives the pool. */
export async function createNetwork(
  client: PluginClient,
  release: Release,
  networkId: string,
  wish: NetworkWish = {},
): Promise<string> {
  const { subnet = '', range = '', gateway = '', aux = {}, options = {}, internal = false } = wish;
  const spaces = await client.must('IpamDriver.GetDefaultAddressSpaces');
  const AddressSpace = spaces['LocalDefaultAddressSpace'];
  const pool = await client.must('IpamDriver.RequestPool', {
    ...{ AddressSpace, Pool: subnet, SubPool: range, Options: null, V6: false },
  });
  const { PoolID } = pool;
  const ask = async (Address: string, Options: object | null) =>
    String((await client.must('IpamDriver.RequestAddress', { PoolID, Address, Options }))['Address']);
  let given = '';
  const { asksForGateway, saysIpv4 } = RELEASES[release];
  const check = { Options: { 'com.docker.network.generic': options } };
  const skips = !asksForGateway && (await client.must('NetworkDriver.GwAllocCheck', check))['SkipIPv4'];
  if (skips !== true || gateway !== '')
    given = await ask(gateway, { RequestAddressType: 'com.docker.network.gateway' });
  const kept = await Promise.all(
    Object.entries(aux).map(async ([name, one]) => [name, await ask(one, null)]),
  );
  await client.must('NetworkDriver.CreateNetwork', {
    NetworkID: networkId,
    Options: {
      'com.docker.network.enable_ipv6': false,
      ...(saysIpv4 && { 'com.docker.network.enable_ipv4': true }),
      ...(internal && { 'com.docker.network.internal': true }),
      'com.docker.network.generic': options,
    },
    IPv4Data: [
      {
        AddressSpace,
        Pool: pool['Pool'],
        Gateway: given,
        AuxAddresses: kept.length === 0 ? null : Object.fromEntries(kept),
      },
    ],
    IPv6Data: [],
  });
  return String(PoolID);
}

export interface StartedEndpoint {
  readonly address: string;
  readonly mac: string;
  readonly device: string;
  readonly joined: Readonly<Record<string, unknown>>;
}

/** What an engine calls when a container starts. */
export async function startEndpoint(
  client: PluginClient,
  poolId: string,
  ids: { readonly NetworkID: string; readonly EndpointID: string },
  wish: { readonly address?: string; readonly mac?: string; readonly options?: object } = {},
): Promise<StartedEndpoint> {
  const { address: Address = '', mac: MacAddress = '', options = {} } = wish;
  const { Address: address } = await client.must('IpamDriver.RequestAddress', {
    ...{ PoolID: poolId, Address, Options: null },
  });
  const made = await client.must('NetworkDriver.CreateEndpoint', {
    ...ids,
    Interface: { Address: address, AddressIPv6: '', MacAddress },
    Options: {
      'com.docker.network.endpoint.exposedports': [],
      'com.docker.network.portmap': [],
      ...options,
    },
  });
  const joined = await client.must('NetworkDriver.Join', {
    ...ids,
    SandboxKey: '/var/run/docker/netns/0123456789ab',
    Options: { 'com.docker.network.endpoint.exposedports': [], 'com.docker.network.portmap': [] },
  });
  for (let time = 0; time < 2; time += 1) await client.must('NetworkDriver.EndpointOperInfo', ids);
  const { MacAddress: mac = MacAddress } = (made['Interface'] ?? {}) as { MacAddress?: string };
  const { SrcName: device } = joined['InterfaceName'] as { SrcName: string };
  return { address: String(address), mac, device, joined };
}

/** What it calls when the container has ended. */
export async function endEndpoint(
  client: PluginClient,
  poolId: string,
  ids: { readonly NetworkID: string; readonly EndpointID: string },
  address: string,
): Promise<void> {
  await client.must('NetworkDriver.Leave', ids);
  await client.must('NetworkDriver.DeleteEndpoint', ids);
  await client.must('IpamDriver.ReleaseAddress', { PoolID: poolId, Address: address.split('/')[0] });
}
