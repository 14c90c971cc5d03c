import { compare, type Ipv4 } from '../../core/address.ts';
import type { NetworkForwarding, Station } from '../../core/forwarding.ts';
import type { Inspection } from '../../ports/dataplane.ts';
import { networkOfAlias, plumbedOfAlias, vniOfBridge, vxlanName } from './names.ts';
import { listAddresses } from './rtnetlink/addresses.ts';
import { type Link, listLinks } from './rtnetlink/link-table.ts';
import { listForwarding, listNeighbours } from './rtnetlink/neighbours.ts';
import type { Switch } from './switch.ts';
import { readTables, type Tables } from './tables.ts';

/** Reads back from the kernel what the switch holds. `peers` are those set last: the rules know no others. */
export async function inspectSwitch(place: Switch, peers: readonly Ipv4[]): Promise<Inspection> {
  const { route, local } = place;
  const links = await listLinks(route);
  const byName = new Map(links.map(link => [link.name, link]));
  const found = links.flatMap(bridge => {
    const vni = vniOfBridge(bridge.name);
    const name = networkOfAlias(bridge.alias);
    const vxlan = vni === undefined ? undefined : byName.get(vxlanName(vni));
    return vni === undefined || name === undefined || vxlan === undefined
      ? []
      : [{ bridge, name, vni, vxlan }];
  });
  const devices = found.map(({ bridge, vxlan }) => ({ bridge: bridge.index, vxlan: vxlan.index }));
  const forwarding = await listForwarding(route);
  const neighbours = await listNeighbours(route);
  const tables = readTables(devices, new Map(), forwarding, neighbours, local.port);
  const addresses = listAddresses(route);
  const networks = found.map(({ bridge, name, vni }): NetworkForwarding => {
    const held = tables.get(bridge.index);
    const address = addresses.find(({ link }) => link === bridge.index)?.cidr;
    return {
      name,
      vni,
      mtu: bridge.mtu,
      own: address && bridge.mac && { address, mac: bridge.mac },
      stations: held === undefined ? [] : stationsOf(held),
      flood: held === undefined ? [] : sorted(held.flood),
    };
  });
  return {
    forwarding: { peers, networks: networks.sort((a, b) => a.vni - b.vni) },
    attachments: links.flatMap(attachmentOf).sort((a, b) => compare(a.container, b.container)),
  };
}

function attachmentOf(link: Link): Inspection['attachments'] {
  const plumbed = link.kind === 'veth' ? plumbedOfAlias(link.alias) : undefined;
  return plumbed === undefined ? [] : [plumbed];
}

function stationsOf(tables: Tables): readonly Station[] {
  const stations: Station[] = [];
  for (const [address, mac] of tables.neighbours) {
    const vtep = tables.vxlan.get(mac);
    if (vtep !== undefined) stations.push({ address, mac, vtep });
  }
  return stations.sort((a, b) => compare(a.address, b.address));
}

function sorted<Value>(map: ReadonlyMap<string, Value>): readonly Value[] {
  return [...map].sort(([a], [b]) => compare(a, b)).map(([, value]) => value);
}
