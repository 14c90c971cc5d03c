import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';

/**
 * A network driver that stands in for the mesh's own: endpoints are links of one bridge of this host, and any address goes.
 * What is tested with it is who asks for which endpoint, and when.
 */
const [socket = '/run/docker/plugins/mesh.sock', bridge = 'standin'] = process.argv.slice(2);

/** What of the engine's calls is looked at. */
interface Call {
  readonly EndpointID: string;
  readonly Interface: { readonly Address: string; readonly MacAddress?: string };
  readonly Pool: string;
  readonly PoolID: string;
  readonly Address?: string;
}

const ip = (...argv: string[]): void =>
  void execFileSync('ip', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
const link = ({ EndpointID }: Call): string => `si${EndpointID.slice(0, 10)}`;
let given = 0;

const ANSWERS: Readonly<Record<string, (call: Call) => object>> = {
  'Plugin.Activate': () => ({ Implements: ['NetworkDriver', 'IpamDriver'] }),
  'NetworkDriver.GetCapabilities': () => ({ Scope: 'local', ConnectivityScope: 'global' }),
  'NetworkDriver.CreateNetwork': () => ({}),
  'NetworkDriver.DeleteNetwork': () => ({}),
  'NetworkDriver.CreateEndpoint': call => {
    ip('link', 'add', link(call), 'type', 'veth', 'peer', 'name', `${link(call)}c`);
    ip('link', 'set', link(call), 'master', bridge, 'up');
    const { Address, MacAddress } = call.Interface;
    return { Interface: MacAddress ? {} : { MacAddress: macOf(Address) } };
  },
  'NetworkDriver.Join': call => ({
    InterfaceName: { SrcName: `${link(call)}c`, DstPrefix: 'ethmesh' },
    DisableGatewayService: false,
  }),
  'NetworkDriver.EndpointOperInfo': () => ({ Value: {} }),
  'NetworkDriver.Leave': () => ({}),
  'NetworkDriver.DeleteEndpoint': call => {
    try {
      ip('link', 'del', link(call));
    } catch {
      // It is gone.
    }
    return {};
  },
  'IpamDriver.GetCapabilities': () => ({}),
  'IpamDriver.GetDefaultAddressSpaces': () => ({
    LocalDefaultAddressSpace: 'mesh',
    GlobalDefaultAddressSpace: 'mesh',
  }),
  'IpamDriver.RequestPool': ({ Pool }) => ({ PoolID: Pool, Pool, Data: {} }),
  'IpamDriver.RequestAddress': ({ PoolID, Address }) => ({
    Address: `${Address || nextOf(PoolID)}/${PoolID.split('/')[1]}`,
  }),
  'IpamDriver.ReleaseAddress': () => ({}),
  'IpamDriver.ReleasePool': () => ({}),
};

/** Far from what the router gives out. */
function nextOf(pool: string): string {
  given += 1;
  return `${pool.split('.').slice(0, 2).join('.')}.250.${given}`;
}

function macOf(address: string): string {
  const octets = address.split('/')[0]!.split('.');
  return ['0a', '80', ...octets.map(octet => Number(octet).toString(16).padStart(2, '0'))].join(':');
}

try {
  ip('link', 'add', bridge, 'type', 'bridge');
} catch {
  // Another start made it.
}
ip('link', 'set', bridge, 'up');
mkdirSync(dirname(socket), { recursive: true });
rmSync(socket, { force: true });
createServer(async (request, response) => {
  let text = '';
  for await (const part of request) text += part;
  const answer = ANSWERS[request.url?.slice(1) ?? ''];
  response.setHeader('content-type', 'application/vnd.docker.plugins.v1.1+json');
  try {
    if (answer === undefined) response.statusCode = 404;
    response.end(JSON.stringify(answer?.(text === '' ? {} : JSON.parse(text)) ?? {}));
  } catch (error) {
    response.end(JSON.stringify({ Err: String(error) }));
  }
}).listen(socket, () => process.stdout.write('ready\n'));
