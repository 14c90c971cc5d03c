import { compare, type Ipv4, type Vtep } from '../../core/address.ts';
import type { NetworkForwarding, Relay, Station, Tunnel } from '../../core/forwarding.ts';
import type { Inspection } from '../../ports/dataplane.ts';
import { networkOfAlias, plainName, plumbedOfAlias, sleeveName, vniOfBridge, vxlanName } from './names.ts';
import { listAddresses } from './rtnetlink/addresses.ts';
import { type Link, listLinks } from './rtnetlink/link-table.ts';
import { listForwarding, listNeighbours } from './rtnetlink/neighbours.ts';
import type { Switch } from './switch.ts';
import { bridgesOf, sortTables, type Tables, values } from './tables.ts';

/** Of an encrypted network before a router has made it anew. Link indexes begin at 1. */
const NO_DEVICE = 0;

/**
 * Reads back from the kernel what the switch holds. `peers` are those set last: the rules know no others. `services`: the
 * MACs that the rules keep from leaving. `relays`: what the rules send on. `tunnels`: what the
 * kernel encrypts for.
 */
export async function inspectSwitch(
  place: Switch,
  peers: readonly Ipv4[],
  services: ReadonlySet<string>,
  relays: readonly Relay[],
  tunnels: readonly Tunnel[] | undefined,
): Promise<Inspection> {
  const { route, local, sending } = place;
  const links = await listLinks(route);
  const byName = new Map(links.map(link => [link.name, link]));
  const found = links.flatMap(bridge => {
    const vni = vniOfBridge(bridge.name);
    const name = networkOfAlias(bridge.alias);
    if (vni === undefined || name === undefined) return [];
    const usual = byName.get(vxlanName(vni));
    const other = byName.get(plainName(vni)) ?? byName.get(sleeveName(vni));
    // Only an encrypted network has no device by which frames leave as they are.
    const open = sending.kind === 'both' ? byName.get(plainName(vni)) : usual;
    return [{ bridge, name, vni, usual, other, encrypted: open === undefined }];
  });
  const devices = found.map(({ bridge, usual, other }) => ({
    bridge: bridge.index,
    vxlan: usual?.index ?? other?.index ?? NO_DEVICE,
    plain: usual && other?.index,
  }));
  const forwarding = await listForwarding(route);
  const neighbours = await listNeighbours(route);
  const tables = await sortTables({ forwarding, neighbours }, bridgesOf(devices, new Map()), local.port);
  const addresses = listAddresses(route);
  const networks = found.map(({ bridge, name, vni, encrypted }): NetworkForwarding => {
    const held = tables.get(bridge.index);
    const { mac } = bridge;
    const [address, ...more] = addresses.flatMap(({ link, cidr }) => (link === bridge.index ? cidr : []));
    const isService = mac !== undefined && services.has(mac);
    return {
      name,
      vni,
      mtu: bridge.mtu,
      own: address && mac && !isService ? { address, mac } : undefined,
      ...(address && isService && { service: { addresses: [address, ...more], mac } }),
      ...(encrypted && { encrypted }),
      stations: held === undefined ? [] : stationsOf(held),
      flood: held === undefined ? [] : floodOf(held),
    };
  });
  return {
    forwarding: {
      peers,
      networks: networks.sort((a, b) => a.vni - b.vni),
      ...(relays.length > 0 && { relays }),
      ...(tunnels && { tunnels }),
    },
    attachments: links.flatMap(attachmentOf).sort((a, b) => compare(a.container, b.container)),
  };
}

function attachmentOf(link: Link): Inspection['attachments'] {
  const plumbed = link.kind === 'veth' ? plumbedOfAlias(link.alias) : undefined;
  return plumbed === undefined ? [] : [plumbed];
}

function stationsOf({ neighbours, vxlan }: Tables): readonly Station[] {
  const stations: Station[] = [];
  for (const [address, mac] of neighbours) {
    const vtep = vxlan.get(mac);
    if (vtep === undefined) continue;
    stations.push({ address: values.address(address), mac: values.mac(mac), vtep: values.vtep(vtep) });
  }
  return stations.sort((a, b) => compare(a.address, b.address));
}

function floodOf({ flood }: Tables): readonly Vtep[] {
  return [...flood.keys()].sort((a, b) => a - b).map(values.vtep);
}
