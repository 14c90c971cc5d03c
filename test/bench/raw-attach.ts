import { type Namespace, openNamespace } from '../../src/adapters/linux/namespace.ts';
import { NETLINK_ROUTE, type NetlinkSocket, openNetlink } from '../../src/adapters/linux/netlink/socket.ts';
import { addAddress, addLinkRoute } from '../../src/adapters/linux/rtnetlink/addresses.ts';
import { findLink } from '../../src/adapters/linux/rtnetlink/link-table.ts';
import { addBridge, addVeth, setBridgePort, setLink } from '../../src/adapters/linux/rtnetlink/links.ts';
import { setBridgeEntry } from '../../src/adapters/linux/rtnetlink/neighbours.ts';
import type { Ipv4, Mac } from '../../src/core/address.ts';
import { macOfAddress } from '../../src/core/address.ts';
import type { Member } from './stage.ts';

const MTU = 1450;
const VNI = 99;
const MULTICAST = { address: '224.0.0.0' as Ipv4, prefix: 4 };

/** The kernel's work for an attach and nothing else: netlink requests, sent from here to a bridge on the host. */
export interface RawBridge {
  /** Gives the milliseconds that it took. Throws what the kernel refuses. */
  attach(namespace: string, address: string): number;
  close(): void;
}

export function openRawBridge(member: Member): RawBridge {
  const host = openNamespace(`/proc/${member.host.pid}/ns/net`);
  const route = host.inside(() => openNetlink(NETLINK_ROUTE));
  route.run(addBridge('raw', '02:00:00:00:00:63' as Mac), setLink('raw', { up: true }));
  const bridge = indexOf(route, 'raw');
  return {
    attach(namespace, address) {
      const started = performance.now();
      const sandbox = openNamespace(member.path(`/run/netns/${namespace}`));
      const inner = sandbox.inside(() => openNetlink(NETLINK_ROUTE));
      connect({ route, inner, bridge, sandbox }, `raw-${namespace}`, address as Ipv4);
      inner.close();
      sandbox.close();
      return performance.now() - started;
    },
    close() {
      route.close();
      host.close();
    },
  };
}

interface Parts {
  readonly route: NetlinkSocket;
  readonly inner: NetlinkSocket;
  readonly bridge: number;
  readonly sandbox: Namespace;
}

function connect({ route, inner, bridge, sandbox }: Parts, name: string, address: Ipv4): void {
  const mac = macOfAddress(VNI, address, 0);
  route.run(addVeth(name, MTU, { name: 'ethmesh', mac, namespaceFd: sandbox.fd }));
  const [port, device] = [indexOf(route, name), indexOf(inner, 'ethmesh')];
  inner.run(
    addAddress(device, { address, prefix: 16 }),
    setLink(device, { up: true }),
    addLinkRoute(device, MULTICAST),
  );
  route.run(
    setLink(port, { master: bridge }),
    setBridgePort(port, { suppressNeighbours: false, unicastFlood: false }),
    setBridgeEntry(port, mac),
    setLink(port, { up: true }),
  );
}

function indexOf(socket: NetlinkSocket, name: string): number {
  const link = findLink(socket, name);
  if (link === undefined) throw new Error(`no link ${name}`);
  return link.index;
}
