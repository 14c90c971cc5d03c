import type { Host } from '../support/lab/host.ts';

/** A VXLAN network made by hand, with nothing but iproute2, between two hosts: what ours is held against. */

const PORT = 4790;
const VNI = 4790;
const NAMESPACE = 'hand';

interface End {
  readonly host: Host;
  readonly mac: string;
  readonly address: string;
  readonly vtep: string;
  readonly mtu: number;
}

/** Namespaces, in which one may run commands by `ip netns exec`, and their addresses. */
export interface Pair {
  readonly namespace: string;
  readonly addresses: readonly [string, string];
}

/** What the frames go through: the hosts' network itself, unless told otherwise. */
export interface Underlay {
  readonly addresses: readonly [string, string];
  readonly mtu: number;
}

export async function makeByHand(a: Host, b: Host, underlay?: Underlay): Promise<Pair> {
  const { addresses, mtu } = underlay ?? { addresses: [a.address, b.address], mtu: 1450 };
  const ends = [a, b].map((host, index) => ({
    ...{ host, mtu, vtep: addresses[index]! },
    mac: `02:00:00:00:47:0${index + 1}`,
    address: `10.90.0.${index + 1}`,
  }));
  const [here, there] = [ends[0]!, ends[1]!];
  await plug(here, there);
  await plug(there, here);
  return { namespace: NAMESPACE, addresses: [here.address, there.address] };
}

/** Container, bridge and VXLAN device in the host's namespace; the other end is known, nothing is learnt. */
async function plug({ host, mac, address, vtep, mtu }: End, other: End): Promise<void> {
  await host.succeed(['ip', '-batch', '-'], {
    input: `netns add ${NAMESPACE}
      link add hand type bridge mcast_snooping 0
      link add hand-vx type vxlan id ${VNI} local ${vtep} dstport ${PORT} nolearning noudpcsum
      link set hand-vx mtu ${mtu} master hand
      link add hand-port mtu ${mtu} type veth peer name eth0 address ${mac} mtu ${mtu} netns ${NAMESPACE}
      link set hand-port master hand
      link set hand mtu ${mtu} up
      link set hand-vx up
      link set hand-port up\n`,
  });
  await host.succeed(['ip', '-netns', NAMESPACE, '-batch', '-'], {
    input: `address add ${address}/24 dev eth0
      link set eth0 up
      neighbour add ${other.address} lladdr ${other.mac} dev eth0 nud permanent\n`,
  });
  await host.succeed(['bridge', '-batch', '-'], {
    input: `link set dev hand-vx learning off
      link set dev hand-port learning off
      fdb replace ${mac} dev hand-port master static
      fdb replace ${other.mac} dev hand-vx dst ${other.vtep} self static
      fdb replace ${other.mac} dev hand-vx master static\n`,
  });
}
