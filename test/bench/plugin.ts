import { PLUGIN_FOLDER } from '../../src/api/plugin/folder.ts';
import { type PluginClient, pluginClient } from '../support/plugin-client.ts';
import { type Figure, RAW_ATTACH_MS } from './measure.ts';
import { openRawBridge } from './raw-attach.ts';
import { addNamespaces, addressOf, type Mesh, withMesh } from './stage.ts';

const COUNT = 220;
const NETWORK = 'ab'.repeat(32);

/** What an engine waits for when a container starts, against the kernel's share of it alone. */
export async function run(): Promise<readonly Figure[]> {
  const { ours, theirs } = await withMesh(2, measure);
  const common = { ours, theirs, unit: 'ms', against: 'netlink requests alone', must: 'at-most' } as const;
  const value = { ...common, limited: 'value', control: RAW_ATTACH_MS } as const;
  return [{ ...value, bench: 'plugin-create-and-join-p50', limit: 6 }];
}

async function measure({ members }: Mesh): Promise<Pick<Figure, 'ours' | 'theirs'>> {
  const [member] = members as [Mesh['members'][number]];
  const client = pluginClient(member.path(`${PLUGIN_FOLDER}/mesh.sock`));
  const { networks } = await member.report();
  const pool = networks.find(({ name }) => name === 'mesh')!.subnets[0]!;
  await addNamespaces(member.host, 'raw', COUNT + 1);
  const raw = openRawBridge(member);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let index = 0; index <= COUNT; index += 1) {
    const took = await start(client, pool, `${index}`.padStart(64, 'e'));
    const bare = raw.attach(`raw${index}`, addressOf(index));
    if (index === 0) continue; // Warms both up.
    ours.push(took);
    theirs.push(bare);
  }
  raw.close();
  return { ours, theirs };
}

/** The calls between a container's address and its first instruction, in milliseconds; its end is not counted. */
async function start(client: PluginClient, pool: string, endpoint: string): Promise<number> {
  const ids = { NetworkID: NETWORK, EndpointID: endpoint };
  const { Address } = await client.must('IpamDriver.RequestAddress', { PoolID: pool, Address: '' });
  const began = performance.now();
  await client.must('NetworkDriver.CreateEndpoint', {
    ...ids,
    Interface: { Address, AddressIPv6: '', MacAddress: '' },
    Options: {},
  });
  await client.must('NetworkDriver.Join', { ...ids, SandboxKey: `/var/run/docker/netns/${endpoint}` });
  const took = performance.now() - began;
  await client.must('NetworkDriver.DeleteEndpoint', ids);
  await client.must('IpamDriver.ReleaseAddress', { PoolID: pool, Address: String(Address).split('/')[0] });
  return took;
}
