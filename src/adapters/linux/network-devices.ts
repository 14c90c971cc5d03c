import { type Cidr, formatCidr, type Ipv4, type Mac } from '../../core/address.ts';
import { isSleeveAddress, type NetworkForwarding } from '../../core/forwarding.ts';
import { KernelError } from './libc.ts';
import {
  bridgeMac,
  bridgeName,
  networkAlias,
  plainName,
  sleeveName,
  trustAlias,
  vxlanName,
} from './names.ts';
import type { NetlinkSocket } from './netlink/socket.ts';
import { addAddress, deleteAddress, listAddresses } from './rtnetlink/addresses.ts';
import { findLink, type Link } from './rtnetlink/link-table.ts';
import {
  addBridge,
  addVxlan,
  deleteLink,
  separate,
  setBridgePort,
  setLink,
  setVxlanLocal,
  silence,
  type VxlanSettings,
} from './rtnetlink/links.ts';
import type { Switch } from './switch.ts';
import type { Devices } from './tables.ts';

/** The bridge and the VXLAN device of one network. */

/** The bridge answers for stations that are known; for others it asks out there. */
const UPLINK = { suppressNeighbours: true, unicastFlood: true };
/** Of two, what comes by one does not leave by the other: each host sends to all others itself. */
const APART = { ...UPLINK, isolated: true };

export interface EnsuredDevices extends Devices {
  /** A sentence for each thing that was not as it should be. */
  readonly mended: readonly string[];
  /** A device is new, or was changed in a way that made the kernel forget entries. */
  readonly rebuilt: boolean;
}

interface Answers {
  readonly mac: Mac | undefined;
  readonly addresses: readonly Cidr[];
}

/** Where VXLAN devices send from. */
export interface Senders {
  readonly usual: Ipv4;
  /** Through this router. */
  readonly sleeve: Ipv4;
}

/** Whether some of its frames go through routers. */
export const usesSleeve = ({ flood, own, stations }: NetworkForwarding): boolean =>
  flood.some(({ address }) => isSleeveAddress(address)) ||
  // Of the control network nothing is flooded.
  (own !== undefined && stations.some(({ vtep }) => isSleeveAddress(vtep.address)));

interface Ensured {
  readonly link: Link;
  readonly rebuilt: boolean;
}

/**
 * Brings the devices to what `wanted` says: makes what is missing, keeps what can be kept. `links` are those of the
 * switch by name. Throws a `KernelError`.
 */
export function ensureDevices(
  place: Switch,
  wanted: NetworkForwarding,
  links: ReadonlyMap<string, Link>,
  from: Senders,
): EnsuredDevices {
  const mended: string[] = [];
  const note = (what: string): number => mended.push(`network ${wanted.name}: ${what}; corrected`);
  const bridge = ensureBridge(place, wanted, links, note);
  const { route, sending, local } = place;
  const { mtu, vni } = wanted;
  const outside = sending.kind === 'plain' ? place.host : route;
  const isSealed = wanted.encrypted === true;
  const ensure = (name: string, outside: NetlinkSocket, from: Ipv4): Ensured =>
    ensureVxlan(place, name, outside, { vni, ...local, local: from }, links, note);
  // Of an encrypted one, no device takes or sends what is not.
  const open = sending.kind === 'both' ? plainName(vni) : vxlanName(vni);
  if (isSealed && sending.kind !== 'tunnels' && links.has(open)) {
    note('a device sent and took frames as they are');
    route.run(deleteLink(open));
  }
  const isUsual = sending.kind !== 'plain' || !isSealed;
  const usual = isUsual ? ensure(vxlanName(vni), outside, from.usual) : undefined;
  const isBySleeve =
    sending.kind === 'plain' && (isSealed || links.has(sleeveName(vni)) || usesSleeve(wanted));
  const sleeve = isBySleeve ? ensure(sleeveName(vni), route, from.sleeve) : undefined;
  const trusted =
    sending.kind === 'both' && !isSealed ? ensure(plainName(vni), place.host, local.address) : undefined;
  const plain = sleeve === undefined ? trusted : usual;
  const vxlan = (sleeve ?? usual)!;
  const uplinks = plain === undefined ? [vxlan] : [vxlan, plain];
  const flags = plain === undefined ? UPLINK : APART;
  if (!uplinks.every(({ link }) => isPort(link, bridge.link)))
    note('the VXLAN device was not a port of the bridge as it should be');
  const devices = [bridge, ...uplinks].map(({ link }) => link);
  if (devices.some(link => link.mtu !== mtu)) note(`the MTU was not ${mtu}`);
  if (devices.some(({ up }) => !up)) note('a device was down');
  route.run(
    ...uplinks.flatMap(({ link: { index } }) => [
      setLink(index, { master: bridge.link.index, mtu }),
      setBridgePort(index, flags),
    ]),
    setLink(bridge.link.index, { alias: networkAlias(wanted.name), mtu, up: true }),
    ...(trusted === undefined ? [] : [setLink(trusted.link.index, { alias: trustAlias(sending.trusts) })]),
    ...uplinks.map(({ link: { index } }) => setLink(index, { up: true })),
  );
  const isReaddressed = ensureAddresses(route, answersOf(wanted).addresses, bridge.link, note);
  const rebuilt = [bridge, ...uplinks].some(device => device.rebuilt) || isReaddressed;
  const [index, other] = uplinks.map(({ link }) => link.index);
  return { bridge: bridge.link.index, vxlan: index!, plain: other, mended, rebuilt };
}

/** Succeeds also where they are gone. */
export function deleteDevices(place: Switch, vni: number): void {
  const names = [vxlanName(vni), plainName(vni), sleeveName(vni), bridgeName(vni)];
  place.route.run(...names.map(deleteLink));
}

function isPort(vxlan: Link, bridge: Link): boolean {
  const { master, port } = vxlan;
  return master === bridge.index && port?.learning === false && port.suppressNeighbours && port.unicastFlood;
}

function ensureBridge(
  place: Switch,
  wanted: NetworkForwarding,
  links: ReadonlyMap<string, Link>,
  note: (what: string) => void,
): Ensured {
  const { route } = place;
  const { vni } = wanted;
  const { mac } = answersOf(wanted);
  const name = bridgeName(vni);
  const found = links.get(name);
  if (found?.kind === 'bridge') {
    const rebuilt = mac !== undefined && mac !== found.mac;
    if (rebuilt) {
      note(`the bridge's MAC was ${found.mac} instead of ${mac}`);
      route.run(setLink(found.index, { mac }));
    }
    route.run(silence(found.index), separate(found.index));
    return { link: found, rebuilt };
  }
  note('the bridge was missing');
  const fresh = mac ?? bridgeMac(vni, place.local.address);
  route.run(deleteLink(name), addBridge(name, fresh), silence(name), separate(name));
  return { link: made(route, name), rebuilt: true };
}

function ensureVxlan(
  { route, namespace }: Switch,
  name: string,
  outside: NetlinkSocket,
  wanted: VxlanSettings,
  links: ReadonlyMap<string, Link>,
  note: (what: string) => void,
): Ensured {
  const { vni, local } = wanted;
  const found = links.get(name);
  const usable = found?.vxlan?.vni === vni && found.vxlan.port === wanted.port && !found.vxlan.learning;
  if (found !== undefined && usable && setLocal(route, found, local)) {
    if (found.vxlan.local !== local) note(`the VXLAN device sent from ${found.vxlan.local}`);
    return { link: found, rebuilt: false };
  }
  note(found === undefined ? 'the VXLAN device was missing' : 'the VXLAN device had other settings');
  route.run(deleteLink(name));
  outside.run(addVxlan(name, wanted, namespace.fd));
  route.run(silence(name));
  return { link: made(route, name), rebuilt: true };
}

/** False where this kernel can't change the address of a device that is there. */
function setLocal(route: NetlinkSocket, { name, index, vxlan }: Link, local: Ipv4): boolean {
  if (vxlan?.local === local) return true;
  try {
    route.run(setVxlanLocal(name, index, local));
    return true;
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
}

/** What the switch's own kernel answers for on the bridge of a network: as this host, or as every host does. */
export function answersOf({ own, service }: NetworkForwarding): Answers {
  if (own !== undefined) return { mac: own.mac, addresses: [own.address] };
  return service ?? { mac: undefined, addresses: [] };
}

/** Those addresses, and no others. Gives whether one was taken away: with the last, the kernel forgets all neighbours. */
function ensureAddresses(
  route: NetlinkSocket,
  wanted: readonly Cidr[],
  bridge: Link,
  note: (what: string) => void,
): boolean {
  const texts = new Set(wanted.map(formatCidr));
  const found = listAddresses(route).filter(({ link }) => link === bridge.index);
  const extra = found.filter(({ cidr }) => !texts.has(formatCidr(cidr)));
  for (const { cidr } of extra) note(`the bridge had the address ${formatCidr(cidr)}`);
  // Others of the same subnet may go with them.
  route.run(...extra.map(({ cidr }) => deleteAddress(bridge.index, cidr)));
  const left = new Set(
    listAddresses(route).flatMap(each => (each.link === bridge.index ? formatCidr(each.cidr) : [])),
  );
  const missing = wanted.filter(cidr => !left.has(formatCidr(cidr)));
  for (const cidr of missing) note(`the bridge lacked the address ${formatCidr(cidr)}`);
  route.run(...missing.map(cidr => addAddress(bridge.index, cidr)));
  return extra.length > 0;
}

function made(route: NetlinkSocket, name: string): Link {
  const link = findLink(route, name);
  if (link === undefined) throw new KernelError(`find link ${name}`, 'ENODEV');
  return link;
}
