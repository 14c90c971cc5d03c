import { join } from 'node:path';
import type { Cidr, Ipv4 } from '../../core/address.ts';
import { plumbedOfAlias } from './names.ts';
import { isNamespace, openNamespace } from './namespace.ts';
import { NETLINK_ROUTE, type NetlinkSocket, openNetlink } from './netlink/socket.ts';
import { listAddresses } from './rtnetlink/addresses.ts';
import { listLinks } from './rtnetlink/link-table.ts';

/** What can be seen of this host without a data plane that has been started. Nothing here changes anything. */

/** The device that has an address of the underlay. */
export interface Underlay {
  readonly device: string;
  readonly mtu: number;
  readonly up: boolean;
}

/** What there is of a switch, whether or not its router runs. */
export interface SwitchLeft {
  readonly pinned: boolean;
  /** UDP ports that its VXLAN devices have on the host. */
  readonly ports: readonly number[];
  /** Names of the containers that hang on it. */
  readonly containers: readonly string[];
}

/** Undefined where no device of this host has the address. Throws a `KernelError`. */
export function findUnderlay(address: Ipv4): Promise<Underlay | undefined> {
  return using(openNetlink(NETLINK_ROUTE), async route => {
    const index = listAddresses(route).find(({ cidr }) => cidr.address === address)?.link;
    const link = (await listLinks(route)).find(each => each.index === index);
    return link && { device: link.name, mtu: link.mtu, up: link.up };
  });
}

/** Every address of this host, also of devices that nothing is plugged into. Throws a `KernelError`. */
export function findAddresses(): Promise<readonly { readonly device: string; readonly cidr: Cidr }[]> {
  return using(openNetlink(NETLINK_ROUTE), async route => {
    const names = new Map((await listLinks(route)).map(({ index, name }) => [index, name]));
    return listAddresses(route).map(({ link, cidr }) => ({ device: names.get(link) ?? '', cidr }));
  });
}

/** What hangs on the switch that is pinned in `runDir`. Throws a `KernelError`. */
export async function findSwitch(runDir: string): Promise<SwitchLeft> {
  const path = join(runDir, 'switch');
  if (!isNamespace(path)) return { pinned: false, ports: [], containers: [] };
  const namespace = openNamespace(path);
  try {
    const links = await using(
      namespace.inside(() => openNetlink(NETLINK_ROUTE)),
      listLinks,
    );
    const ports = new Set(links.flatMap(({ vxlan }) => vxlan?.port ?? []));
    const containers = new Set(links.flatMap(({ alias }) => plumbedOfAlias(alias)?.container ?? []));
    return { pinned: true, ports: [...ports], containers: [...containers].sort() };
  } finally {
    namespace.close();
  }
}

async function using<T>(socket: NetlinkSocket, action: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
  try {
    return await action(socket);
  } finally {
    socket.close();
  }
}
