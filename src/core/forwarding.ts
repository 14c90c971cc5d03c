import type { Cidr, Ipv4, Mac, Vtep } from './address.ts';

/** A container (or a host's own control address) behind another host. */
export interface Station {
  readonly address: Ipv4;
  readonly mac: Mac;
  readonly vtep: Vtep;
}

/** What one network's bridge and VXLAN device should hold. */
export interface NetworkForwarding {
  readonly name: string;
  readonly vni: number;
  readonly mtu: number;
  /** An address of this host's own kernel on the bridge (control network only). */
  readonly own: { readonly address: Cidr; readonly mac: Mac } | undefined;
  /** Sorted by address. */
  readonly stations: readonly Station[];
  /** VTEPs with members of this network: they get broadcast and multicast. Sorted. */
  readonly flood: readonly Vtep[];
}

/** Everything that this host's kernel should hold about the others: the whole of it, every time. */
export interface Forwarding {
  /** Who may send to the data port. Sorted. */
  readonly peers: readonly Ipv4[];
  readonly networks: readonly NetworkForwarding[];
}
