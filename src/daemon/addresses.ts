import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { contains, type Ipv4, parseIpv4 } from '../core/address.ts';

interface HostAddress {
  readonly device: string;
  readonly address: Ipv4;
  readonly prefix: number;
}

const NETWORK_COMES_MS = 5_000;
const POLL_MS = 50;

/** Devices of container engines: other hosts can't reach their addresses. */
const INNER = /^(docker|br-|veth|virbr|cni|flannel|weave|mesh)/;

/**
 * The address of this host that other hosts most likely know it by: in a subnet with a peer, else that of the default
 * route, else the first of any device that isn't a container engine's.
 */
export function ownAddress(peers: readonly string[]): Ipv4 | undefined {
  const addresses = hostAddresses();
  const hosts = peers.flatMap(peer => parseIpv4(peer.slice(0, peer.lastIndexOf(':'))) ?? []);
  const near = addresses.find(own =>
    hosts.some(host => contains({ address: own.address, prefix: own.prefix }, host)),
  );
  const device = defaultDevice();
  return (near ?? addresses.find(own => own.device === device) ?? addresses[0])?.address;
}

/** As `ownAddress`; while a machine boots, its network may come after its services: it is waited for. */
export async function awaitOwnAddress(peers: readonly string[]): Promise<Ipv4 | undefined> {
  const deadline = performance.now() + NETWORK_COMES_MS;
  for (;;) {
    const address = ownAddress(peers);
    if (address !== undefined || performance.now() > deadline) return address;
    await sleep(POLL_MS);
  }
}

function hostAddresses(): readonly HostAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([device, entries]) =>
    (entries ?? []).flatMap(({ address, cidr, internal }) => {
      const parsed = parseIpv4(address);
      if (internal || parsed === undefined || INNER.test(device)) return [];
      return [{ device, address: parsed, prefix: Number(cidr?.split('/')[1] ?? 32) }];
    }),
  );
}

/** The device of the default route, from the kernel's table (proc(5), /proc/net/route). */
function defaultDevice(): string | undefined {
  try {
    const lines = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
    return lines.map(line => line.split('\t')).find(([, destination]) => destination === '00000000')?.[0];
  } catch {
    return undefined;
  }
}
