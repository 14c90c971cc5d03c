import { setTimeout as sleep } from 'node:timers/promises';
import { formatCidr, type Ipv4, type Mac } from '../../core/address.ts';
import { HOST_SANDBOX } from '../../core/endpoints/attachment.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type { Attachment } from '../../ports/dataplane.ts';
import { problemOf } from './kernel-problem.ts';
import { KernelError } from './libc.ts';
import { bridgeName, plumbedOfAlias, portAlias, portName } from './names.ts';
import type { Namespace } from './namespace.ts';
import { NETLINK_ROUTE, type NetlinkSocket, openNetlink, type Request } from './netlink/socket.ts';
import type { Firewall } from './parts.ts';
import {
  addAddress,
  addLinkRoute,
  deleteAddress,
  deleteLinkRoute,
  limitRoute,
  listAddresses,
} from './rtnetlink/addresses.ts';
import { findLink, type Link, namespaceNumber } from './rtnetlink/link-table.ts';
import { addVeth, deleteLink, letForward, setBridgePort, setLink, silence } from './rtnetlink/links.ts';
import { deleteBridgeEntry, setBridgeEntry } from './rtnetlink/neighbours.ts';

import type { Switch } from './switch.ts';

/** The link between the switch and a container. */

const MULTICAST = { address: '224.0.0.0' as Ipv4, prefix: 4 };

/** All MACs behind it are known: nothing is learnt, and nothing sent there on suspicion. */
const CONTAINER_PORT = { suppressNeighbours: false, unicastFlood: false };

/** The kernel's queue may lie for a second. */
const OPERATIONAL_MS = 3_000;

/** A container's port of the switch. */
export interface Port {
  readonly name: string;
  readonly index: number;
  readonly network: string;
  readonly container: string;
  readonly mac: Mac;
  readonly mtu: number;
  /**
   * Where the other end is; undefined for a port that an earlier router made. What an engine has taken there has a name that
   * is the engine's.
   */
  readonly inside:
    | {
        readonly sandbox: string;
        readonly device: string | undefined;
        /** The MTU of the network is kept by routes, and not by that of the interface. */
        readonly isRouted: boolean;
      }
    | undefined;
}

/**
 * Brings the link to exactly `attachment`, from whatever is there: nothing, all of it, or what a killed router
 * left half-made. On refusal nothing is left.
 */
export async function plumb(
  place: Switch,
  firewall: Firewall,
  attachment: Attachment,
): Promise<Result<Port>> {
  const { route } = place;
  const { container, network } = attachment;
  const result = open(place, attachment);
  if (!result.ok) {
    unplumb(route, firewall, network, container);
    return result;
  }
  const sandbox = result.value;
  const inner = sandbox.inside(() => openNetlink(NETLINK_ROUTE));
  let complete = false;
  try {
    const connected = connect(route, inner, sandbox, attachment);
    if (!connected.ok) return connected;
    const { outer, device, isNew } = connected.value;
    configureInside(inner, device, isNew, attachment);
    const allow = isHost(attachment) ? firewall.allowHost : firewall.allow;
    allow(
      outer.name,
      attachment.mac,
      attachment.addresses.map(({ address }) => address),
    );
    configurePort(route, outer, attachment);
    await operational(route, outer.name);
    await operational(inner, device.name);
    complete = true;
    return ok(portOf(outer, attachment));
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return refuse(problemOf(error));
  } finally {
    inner.close();
    sandbox.close();
    if (!complete) unplumb(route, firewall, network, container);
  }
}

/** A port that an earlier router made, as its link tells; undefined for other links. */
export function adoptPort({ name, index, alias, mtu }: Link): Port | undefined {
  const plumbed = plumbedOfAlias(alias);
  if (plumbed === undefined || name !== portName(plumbed.network, plumbed.container)) return undefined;
  return { name, index, ...plumbed, mtu, inside: undefined };
}

/** Sets the port right where its link has changed; gives whether it had. */
export function mendPort(route: NetlinkSocket, port: Port, link: Link, bridge: number): boolean {
  const flags = link.port;
  const right =
    link.up &&
    link.master === bridge &&
    link.mtu === port.mtu &&
    flags?.learning === false &&
    flags.unicastFlood === CONTAINER_PORT.unicastFlood;
  if (right) return false;
  route.run(
    setLink(port.index, { mtu: port.mtu, master: bridge }),
    setBridgePort(port.index, CONTAINER_PORT),
    setLink(port.index, { up: true }),
  );
  return true;
}

/** Succeeds also where nothing is left. Throws a `KernelError`. */
export function unplumb(route: NetlinkSocket, firewall: Firewall, network: string, container: string): void {
  const name = portName(network, container);
  route.run(deleteLink(name));
  firewall.disallow(name);
}

/** Sets the MTU of both ends; the end in the container only where its namespace is known and still there. */
export function setPortMtu(place: Switch, port: Port, mtu: number): Port {
  const { route } = place;
  const outside = (): void => route.run(setLink(port.index, { mtu }));
  const inside = (): void => {
    if (port.inside !== undefined) setInnerMtu(place, port, port.inside, mtu);
  };
  // The smaller end refuses what the larger one sends, so neither may be larger than the other's way on.
  if (mtu < port.mtu) {
    inside();
    outside();
  } else {
    outside();
    inside();
  }
  return { ...port, mtu };
}

/** A container may have gone meanwhile: that is no error here. */
function setInnerMtu(
  place: Switch,
  { name }: Port,
  { sandbox, device, isRouted }: NonNullable<Port['inside']>,
  mtu: number,
): void {
  try {
    const end = device ?? findLink(place.route, name)?.peer?.index;
    if (end === undefined) return;
    const namespace = place.openSandbox(sandbox);
    try {
      const inner = namespace.inside(() => openNetlink(NETLINK_ROUTE));
      inner.batch(isRouted ? limitRoutes(inner, end, mtu) : [setLink(end, { mtu })]);
      inner.close();
    } finally {
      namespace.close();
    }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
  }
}

function limitRoutes(inner: NetlinkSocket, end: number | string, mtu: number): readonly Request[] {
  const index = typeof end === 'number' ? end : findLink(inner, end)?.index;
  return listAddresses(inner).flatMap(({ link, cidr }) =>
    link === index ? [limitRoute(link, cidr, mtu)] : [],
  );
}

function open(place: Switch, { sandbox, container, network, mac }: Attachment): Result<Namespace> {
  if (portAlias({ network, container, mac }) === undefined) {
    const what = `attach ${container}`;
    return refuse({ code: 'kernel-refused', what, why: 'its name is too long (about 200 bytes)' });
  }
  try {
    return ok(place.openSandbox(sandbox));
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (error.code === 'ENOENT' || error.code === 'EINVAL')
      return refuse({ code: 'container-gone', container });
    return refuse(problemOf(error));
  }
}

interface Ends {
  readonly outer: Link;
  readonly device: Link;
}

type Connected = Ends & { readonly isNew: boolean };

/** Finds the two ends of the pair, or makes them. */
function connect(
  route: NetlinkSocket,
  inner: NetlinkSocket,
  sandbox: Namespace,
  attachment: Attachment,
): Result<Connected> {
  const { network, container, device: deviceName, mac, mtu } = attachment;
  const name = portName(network, container);
  const found = ends(route, inner, name, deviceName);
  let taken = found.device !== undefined;
  if (found.outer !== undefined) {
    if (isPair(found, namespaceNumber(route, sandbox.fd))) return ok({ ...found, isNew: false });
    // The port's other end is in another namespace (the container was restarted), or was given another name.
    route.run(deleteLink(name));
    taken = findLink(inner, deviceName) !== undefined;
  }
  if (taken) {
    return refuse(
      isHost(attachment)
        ? { code: 'host-interface-taken', name: deviceName }
        : { code: 'interface-taken', container, name: deviceName },
    );
  }
  route.run(
    addVeth(name, mtu, { name: deviceName, mac, namespaceFd: sandbox.fd }),
    setLink(name, { alias: portAlias({ network, container, mac }) ?? '' }),
    silence(name),
  );
  const { outer, device } = ends(route, inner, name, deviceName);
  if (outer === undefined || device === undefined) throw new KernelError(`find link ${name}`, 'ENODEV');
  return ok({ outer, device, isNew: true });
}

function ends(route: NetlinkSocket, inner: NetlinkSocket, name: string, device: string): Partial<Ends> {
  const outer = findLink(route, name);
  const inside = findLink(inner, device);
  return { ...(outer && { outer }), ...(inside && { device: inside }) };
}

/** `namespace`: the number of the container's namespace as seen from the switch. */
function isPair(found: Partial<Ends>, namespace: number | undefined): found is Ends {
  const { outer, device } = found;
  if (outer?.peer === undefined || device?.kind !== 'veth' || namespace === undefined) return false;
  return outer.peer.index === device.index && outer.peer.namespace === namespace;
}

/** The host's own leg: all namespaces that we make a link into are those of containers, but for this one. */
const isHost = ({ sandbox }: Attachment): boolean => sandbox === HOST_SANDBOX;

function configureInside(inner: NetlinkSocket, device: Link, isNew: boolean, attachment: Attachment): void {
  const { mac, mtu, deviceMtu, addresses } = attachment;
  const { index } = device;
  const wanted = new Set(addresses.map(formatCidr));
  const present = isNew ? [] : listAddresses(inner);
  const extra = present.filter(({ link, cidr }) => link === index && !wanted.has(formatCidr(cidr)));
  inner.run(
    silence(index),
    ...extra.map(({ cidr }) => deleteAddress(index, cidr)),
    ...addresses.map(cidr => addAddress(index, cidr)),
    setLink(index, { mtu: deviceMtu ?? mtu, up: true, ...(device.mac !== mac && { mac }) }),
    // Where the host's own multicast goes is the host's business.
    isHost(attachment) ? letForward(index) : multicastBy(index, attachment),
    // These come with the addresses once the link is up.
    ...(deviceMtu === undefined ? [] : addresses.map(cidr => limitRoute(index, cidr, mtu))),
  );
}

const multicastBy = (index: number, { deviceMtu, mtu, unicast }: Attachment): Request =>
  unicast
    ? deleteLinkRoute(index, MULTICAST)
    : addLinkRoute(index, MULTICAST, deviceMtu === undefined ? undefined : mtu);

/** The port goes up last, when all that guards it is there. */
export function configurePort(
  route: NetlinkSocket,
  outer: Link,
  { network, container, vni, mac, mtu }: Attachment,
): void {
  const bridge = findLink(route, bridgeName(vni));
  if (bridge === undefined) {
    throw new KernelError(
      `attach ${container}`,
      'ENODEV',
      `network ${network} (VNI ${vni}) is not there yet`,
    );
  }
  const { index } = outer;
  const before = plumbedOfAlias(outer.alias)?.mac;
  const alias = portAlias({ network, container, mac }) ?? '';
  route.run(
    setLink(index, { alias, mtu, master: bridge.index }),
    setBridgePort(index, CONTAINER_PORT),
    ...(before === undefined || before === mac ? [] : [deleteBridgeEntry(index, before)]),
    setBridgeEntry(index, mac),
    setLink(index, { up: true }),
  );
}

/**
 * Waits until frames pass. The kernel acts on a new carrier later, from a queue of its own (net/core/link_watch.c): the
 * bridge drops what a port hands it until then, and the device in the container what is sent. Since Linux 6.8 asking
 * for a link makes it act at once.
 */
async function operational(socket: NetlinkSocket, name: string): Promise<void> {
  const deadline = performance.now() + OPERATIONAL_MS;
  while (!findLink(socket, name)?.operational) {
    if (performance.now() > deadline) throw new KernelError(`bring link ${name} up`, 'ETIMEDOUT');
    await sleep(1);
  }
}

function portOf(
  { name, index }: Link,
  { network, container, mac, mtu, sandbox, device, deviceMtu }: Attachment,
): Port {
  const inside = { sandbox, device, isRouted: deviceMtu !== undefined };
  return { name, index, network, container, mac, mtu, inside };
}
