import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Ipv4, Mac, Vtep } from '../../core/address.ts';
import { HOST_SANDBOX } from '../../core/endpoints/attachment.ts';
import { ok, type Problem, type Result, refuse } from '../../core/errors.ts';
import { isTunnelAddress } from '../../core/forwarding.ts';
import { problemOf } from './kernel-problem.ts';
import { AF_INET, bind, close, KernelError, SOCK_DGRAM, socket, unmount } from './libc.ts';
import { isOurs, TUNNEL_DEVICE, trustAlias } from './names.ts';
import { isNamespace, type Namespace, openNamespace, ownNamespace, pinNewNamespace } from './namespace.ts';
import { NETLINK_ROUTE, type NetlinkSocket, openNetlink, type Request } from './netlink/socket.ts';
import type { InSwitch } from './parts.ts';
import { listAddresses } from './rtnetlink/addresses.ts';
import { type Link, listLinks } from './rtnetlink/link-table.ts';
import { addBridge, addVeth, addVxlan, deleteLink, setLink } from './rtnetlink/links.ts';

/**
 * How VXLAN devices send: on the host's network; on the switch's own, where only tunnels lead out; or two of each network,
 * one of each kind, the first for hosts that are trusted.
 */
export interface Sending {
  readonly kind: 'plain' | 'tunnels' | 'both';
  /** Who is trusted: what was left for others is not used. */
  readonly trusts: string;
}

export const PLAIN: Sending = { kind: 'plain', trusts: '' };

/** The namespace in which all bridges live; it outlives the router, so that traffic flows on. */
export interface Switch {
  readonly local: Vtep;
  readonly namespace: Namespace;
  /** rtnetlink in the switch. */
  readonly route: NetlinkSocket;
  /** rtnetlink in the host's namespace, where the UDP of VXLAN devices stays. */
  readonly host: NetlinkSocket;
  /** Whether it was made just now. */
  readonly fresh: boolean;
  readonly underlayMtu: number;
  readonly sending: Sending;
  /** Opens the namespace of an attachment: by path, or the host's own. Throws a `KernelError`. */
  openSandbox(sandbox: string): Namespace;
  close(): void;
}

/**
 * Makes the switch, pinned at `path`, or adopts the one that is there. `inHost` leads to the host's namespace. Refuses with `kernel-lacks`, `no-permission`,
 * `port-in-use`, `no-such-host-address`, `kernel-refused`, and leaves nothing then.
 */
export async function openSwitch(
  path: string,
  local: Vtep,
  inHost: InSwitch,
  sending: Sending,
): Promise<Result<Switch>> {
  const opened: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(thing: T): T => {
    opened.push(thing);
    return thing;
  };
  const closeAll = (): void => {
    for (const thing of opened.splice(0)) thing.close();
  };
  const fresh = !isNamespace(path);
  try {
    const host = keep(inHost(() => openNetlink(NETLINK_ROUTE)));
    const underlayMtu = await mtuOf(host, local.address);
    if (underlayMtu === undefined) {
      closeAll();
      return refuse({ code: 'no-such-host-address', value: local.address });
    }
    if (fresh) {
      inHost(() => claimPort(local.port));
      mkdirSync(dirname(path), { recursive: true });
      pinNewNamespace(path, tryKinds);
    }
    const namespace = keep(openNamespace(path));
    if (namespace.identity === inHost(ownIdentity)) {
      throw new KernelError(
        `use ${path} as the switch`,
        'EINVAL',
        'it is the namespace of the host; unmount it',
      );
    }
    const route = keep(namespace.inside(() => openNetlink(NETLINK_ROUTE)));
    const left = await keepSafe(route, sending);
    const holds = left.some(({ name, vxlan }) =>
      sending.kind === 'tunnels' ? name === TUNNEL_DEVICE : vxlan !== undefined && isPlain(vxlan),
    );
    if (!fresh && !holds) inHost(() => claimPort(local.port));
    route.run(setLink('lo', { up: true }));
    const openSandbox = (sandbox: string): Namespace =>
      sandbox === HOST_SANDBOX ? inHost(ownNamespace) : openNamespace(sandbox);
    return ok({ local, namespace, route, host, fresh, underlayMtu, sending, openSandbox, close: closeAll });
  } catch (error) {
    closeAll();
    if (fresh) unpin(path);
    const problem = startProblem(error, local);
    if (problem === undefined) throw error;
    return refuse(problem);
  }
}

const isPlain = ({ local }: { readonly local: Ipv4 }): boolean => !isTunnelAddress(local);

/**
 * What an earlier router left sends on as it did: where that was unprotected and may not be any more, it ends at once, and
 * the other way round. Gives the links that stay.
 */
async function keepSafe(route: NetlinkSocket, sending: Sending): Promise<readonly Link[]> {
  const links = await listLinks(route);
  const { kind, trusts } = sending;
  const isOther = ({ alias, name, vxlan }: Link): boolean => {
    if (vxlan === undefined) return name === TUNNEL_DEVICE && kind === 'plain';
    if (!isPlain(vxlan)) return kind === 'plain';
    // Whom an earlier router trusted, this one may not trust.
    return kind !== 'plain' && (kind !== 'both' || alias !== trustAlias(trusts));
  };
  const others = links.filter(isOther);
  route.run(...others.map(({ index }) => deleteLink(index)));
  return links.filter(link => !others.includes(link));
}

/** Deletes the switch with all that is in it. Succeeds also where there is none. */
export async function deleteSwitch(path: string): Promise<void> {
  if (isNamespace(path)) {
    const namespace = openNamespace(path);
    const route = namespace.inside(() => openNetlink(NETLINK_ROUTE));
    // The kernel would delete them with the namespace, but later.
    const links = (await listLinks(route)).filter(link => isOurs(link.name));
    route.batch(links.map(link => deleteLink(link.index)));
    route.close();
    namespace.close();
  }
  unpin(path);
}

function ownIdentity(): string {
  const own = ownNamespace();
  own.close();
  return own.identity;
}

function unpin(path: string): void {
  while (isNamespace(path)) unmount(path);
  rmSync(path, { force: true });
}

async function mtuOf(host: NetlinkSocket, address: Ipv4): Promise<number | undefined> {
  const index = listAddresses(host).find(({ cidr }) => cidr.address === address)?.link;
  if (index === undefined) return undefined;
  return (await listLinks(host)).find(link => link.index === index)?.mtu;
}

/** Throws `EADDRINUSE` where another socket of the host has the UDP port. */
function claimPort(port: number): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  try {
    const address = new Uint8Array(16);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, port, false);
    bind(fd, address);
  } finally {
    close(fd);
  }
}

/** What the data plane is made of, by the name that a refusal gives it. Run in a namespace that nobody sees yet. */
function tryKinds(): void {
  const route = openNetlink(NETLINK_ROUTE);
  const here = ownNamespace();
  const mac = '02:00:00:00:00:01' as Mac;
  const local = '127.0.0.1' as Ipv4;
  const kinds: readonly [string, Request][] = [
    ['bridge', addBridge('try', mac)],
    ['VXLAN', addVxlan('try', { vni: 1, local, port: 4789 }, here.fd)],
    ['veth', addVeth('try', 1500, { name: 'try-peer', mac, namespaceFd: here.fd })],
  ];
  try {
    for (const [feature, make] of kinds) {
      const refused = route.batch([make, deleteLink('try')])[0];
      if (refused?.error.code === 'EOPNOTSUPP') throw new Lacking(feature);
      if (refused !== undefined) throw refused.error;
    }
  } finally {
    here.close();
    route.close();
  }
}

/** The kernel does not know a kind of link. */
class Lacking extends Error {
  readonly feature: string;

  constructor(feature: string) {
    super(`this kernel has no ${feature}`);
    this.feature = feature;
  }
}

function startProblem(error: unknown, local: Vtep): Problem | undefined {
  if (error instanceof Lacking) return { code: 'kernel-lacks', feature: error.feature };
  if (!(error instanceof KernelError)) return undefined;
  if (error.code === 'EADDRINUSE') return { code: 'port-in-use', port: local.port, protocol: 'udp' };
  return problemOf(error);
}
