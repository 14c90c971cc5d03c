import { type Cidr, formatCidr, type Ipv4, type Vtep } from '../../../core/address.ts';
import { TUNNEL_OVERHEAD, TUNNEL_SUBNET, type Tunnel } from '../../../core/forwarding.ts';
import type { TunnelKeys } from '../../../ports/tunnel-keys.ts';
import { KernelError } from '../libc.ts';
import { TUNNEL_DEVICE } from '../names.ts';
import { NETLINK_GENERIC, type NetlinkSocket, openNetlink } from '../netlink/socket.ts';
import { addAddress, deleteAddress, listAddresses } from '../rtnetlink/addresses.ts';
import { findLink, type Link } from '../rtnetlink/link-table.ts';
import { addTunnelDevice, separate, setLink, silence } from '../rtnetlink/links.ts';
import type { Switch } from '../switch.ts';
import {
  findFamily,
  type HeldPeer,
  type PeerChange,
  readDevice,
  removePeers,
  setDevice,
  setPeers,
} from './device.ts';

/** So many peers fit into one message, whose list may have 64 KiB. */
const PEERS_A_MESSAGE = 200;

/**
 * The encrypted ways to other hosts: one WireGuard device in the switch, whose UDP stays on the underlay. VXLAN devices
 * of the switch have no other way out, so that what no tunnel takes goes nowhere. It lives on without a router, agreeing
 * on new keys with its peers by itself.
 */
export class Tunnels {
  readonly #place: Switch;
  readonly #keys: TunnelKeys;
  readonly #port: number;
  readonly #control: NetlinkSocket;
  /** The kernel's number for WireGuard while the device is there. */
  #family: number | undefined;
  #own: Ipv4 | undefined;
  #given: readonly Tunnel[] | undefined;
  #wanted: ReadonlyMap<string, Tunnel> = new Map();
  /** The endpoint that each peer of the device was told to have. */
  readonly #told = new Map<string, Vtep>();

  constructor(place: Switch, keys: TunnelKeys, port: number) {
    this.#place = place;
    this.#keys = keys;
    this.#port = port;
    this.#control = place.namespace.inside(() => openNetlink(NETLINK_GENERIC));
  }

  /** Whether this kernel can encrypt, now. */
  get works(): boolean {
    return this.#family !== undefined;
  }

  /** Makes or adopts the device, unless the kernel has no WireGuard. Throws a `KernelError`. */
  open(): readonly string[] {
    const mended: string[] = [];
    const found = findLink(this.#place.route, TUNNEL_DEVICE);
    this.#family = undefined;
    if (found === undefined && !this.#make()) return mended;
    if (found === undefined) mended.push('the tunnels were missing; restored');
    const family = findFamily(this.#control);
    if (family === undefined) return mended;
    if (found !== undefined && !isRight(found, this.#mtu)) mended.push('the tunnels were down; corrected');
    this.#control.run(setDevice(family, TUNNEL_DEVICE, this.#keys.privateKey, this.#port));
    this.#place.route.run(
      silence(TUNNEL_DEVICE),
      separate(TUNNEL_DEVICE),
      setLink(TUNNEL_DEVICE, { mtu: this.#mtu, up: true }),
    );
    this.#family = family;
    return mended;
  }

  /** Brings the device to these peers, and no others. Throws a `KernelError`. */
  apply(own: Ipv4 | undefined, tunnels: readonly Tunnel[]): void {
    if (own === this.#own && tunnels === this.#given) return;
    this.#own = own;
    this.#given = tunnels;
    this.#wanted = distinct(tunnels);
    if (this.works) this.#bring();
  }

  /** Mends what is not as it was applied last; gives a sentence for each thing. Throws a `KernelError`. */
  audit(): readonly string[] {
    const mended = this.open();
    return this.works ? [...mended, ...this.#bring()] : mended;
  }

  /** What the device holds. Throws a `KernelError`. */
  held(): readonly Tunnel[] {
    if (this.#family === undefined) return [];
    return readDevice(this.#control, this.#family, TUNNEL_DEVICE).peers.flatMap(
      ({ key, addresses: [address], endpoint }) => (address && endpoint ? [{ address, key, endpoint }] : []),
    );
  }

  close(): void {
    this.#control.close();
  }

  get #mtu(): number {
    return this.#place.underlayMtu - TUNNEL_OVERHEAD;
  }

  /** False where this kernel has no WireGuard. */
  #make(): boolean {
    const { host, namespace } = this.#place;
    this.#told.clear();
    try {
      host.run(addTunnelDevice(TUNNEL_DEVICE, namespace.fd));
      return true;
    } catch (error) {
      if (error instanceof KernelError && error.code === 'EOPNOTSUPP') return false;
      throw error;
    }
  }

  #bring(): readonly string[] {
    const family = this.#family!;
    const held = new Map(
      readDevice(this.#control, family, TUNNEL_DEVICE).peers.map(peer => [peer.key, peer]),
    );
    const gone = [...held.keys()].filter(key => !this.#wanted.has(key));
    const changes = [...this.#wanted.values()].flatMap(tunnel =>
      this.#changeTo(tunnel, held.get(tunnel.key)),
    );
    // First who goes: an address may be another's from now on.
    for (const keys of slices(gone)) this.#control.run(removePeers(family, TUNNEL_DEVICE, keys));
    for (const peers of slices(changes)) this.#control.run(setPeers(family, TUNNEL_DEVICE, peers));
    for (const key of gone) this.#told.delete(key);
    for (const { key, endpoint } of this.#wanted.values()) this.#told.set(key, endpoint);
    const named = (key: string): string => `the tunnel to ${this.#wanted.get(key)?.endpoint.address ?? key}`;
    return [
      ...this.#bringAddress(),
      ...gone.map(key => `${named(key)} should not be there; removed`),
      ...changes.map(({ key }) => `${named(key)} was not as it should be; corrected`),
    ];
  }

  #changeTo({ key, address, endpoint }: Tunnel, held: HeldPeer | undefined): readonly PeerChange[] {
    const preshared = this.#keys.sharedWith(Buffer.from(key, 'base64'));
    if (preshared === undefined) return [];
    const told = this.#told.get(key);
    // The kernel follows a peer that moves; only where that one itself says that it has moved, it is known better.
    const isTold =
      held?.endpoint !== undefined &&
      (told === undefined || (told.address === endpoint.address && told.port === endpoint.port));
    const isShared = held?.preshared === Buffer.from(preshared).toString('base64');
    if (isTold && isShared && held.addresses.length === 1 && held.addresses[0] === address) return [];
    return [{ key, address, preshared, endpoint: isTold ? undefined : endpoint }];
  }

  #bringAddress(): readonly string[] {
    const { route } = this.#place;
    const index = findLink(route, TUNNEL_DEVICE)?.index;
    if (index === undefined) return [];
    const wanted: readonly Cidr[] =
      this.#own === undefined ? [] : [{ address: this.#own, prefix: TUNNEL_SUBNET.prefix }];
    const isWanted = (cidr: Cidr): boolean => wanted.some(other => formatCidr(other) === formatCidr(cidr));
    const held = listAddresses(route).flatMap(({ link, cidr }) => (link === index ? cidr : []));
    const extra = held.filter(cidr => !isWanted(cidr));
    const missing = wanted.filter(cidr => !held.some(other => formatCidr(other) === formatCidr(cidr)));
    route.run(
      ...extra.map(cidr => deleteAddress(index, cidr)),
      ...missing.map(cidr => addAddress(index, cidr)),
    );
    return [...extra, ...missing].map(
      cidr => `the tunnels' address ${formatCidr(cidr)} was wrong; corrected`,
    );
  }
}

const isRight = ({ kind, mtu, up }: Link, wanted: number): boolean =>
  kind === 'wireguard' && mtu === wanted && up;

/** By key. One address is one peer's: where two claim one, neither could be reached by it with certainty. */
function distinct(tunnels: readonly Tunnel[]): ReadonlyMap<string, Tunnel> {
  const addresses = new Set<Ipv4>();
  const byKey = new Map<string, Tunnel>();
  for (const tunnel of tunnels) {
    if (addresses.has(tunnel.address) || byKey.has(tunnel.key)) continue;
    addresses.add(tunnel.address);
    byKey.set(tunnel.key, tunnel);
  }
  return byKey;
}

function* slices<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += PEERS_A_MESSAGE) yield all.slice(at, at + PEERS_A_MESSAGE);
}
