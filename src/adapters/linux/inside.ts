import type { Cidr } from '../../core/address.ts';
import { openNamespace } from './namespace.ts';
import { NETLINK_ROUTE, openNetlink } from './netlink/socket.ts';
import { listAddresses } from './rtnetlink/addresses.ts';
import { findLink } from './rtnetlink/link-table.ts';

/** The addresses of an interface in the network namespace at `path`. Throws a `KernelError` where there is no such namespace. */
export function addressesInside(path: string, device: string): readonly Cidr[] {
  const namespace = openNamespace(path);
  try {
    const inner = namespace.inside(() => openNetlink(NETLINK_ROUTE));
    try {
      const index = findLink(inner, device)?.index;
      return listAddresses(inner).flatMap(({ link, cidr }) => (link === index ? [cidr] : []));
    } finally {
      inner.close();
    }
  } finally {
    namespace.close();
  }
}
