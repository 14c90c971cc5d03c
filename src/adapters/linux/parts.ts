import type { Cidr, Ipv4, Mac, Vtep } from '../../core/address.ts';
import type { Result } from '../../core/errors.ts';
import type { Relay } from '../../core/forwarding.ts';
import type { Service } from '../../core/networks/network.ts';
import type { Probe } from '../../ports/dataplane.ts';

/** What the data plane leaves to others: rules and echoes. */

/** Runs a synchronous function in the namespace of the switch. */
export type InSwitch = <T>(action: () => T) => T;

/** Rules, in tables of our own. Everything may be repeated. Synchronous calls throw a `KernelError`. */
export interface Firewall {
  /** The table in the host's namespace that lets only peers reach the data port. */
  guardHost(local: Vtep): Promise<Result<{ readonly relays: boolean }>>;
  /** Who may send to the data port; replaces those before. */
  setPeers(addresses: readonly Ipv4[]): void;
  /** What comes from peers at these ports is sent on; replaces those before. */
  setRelays(relays: readonly Relay[]): void;
  /** Those, also as an earlier router left them. */
  relays(): readonly Relay[];
  /** The table in the switch that keeps each port to its own addresses; keeps what an earlier router allowed. No port reaches the data port there. */
  guardSwitch(inSwitch: InSwitch, dataPort: number): Promise<Result<void>>;
  /** What every host answers for by itself: nothing from or to it passes another host's door. Replaces what was before. */
  setServices(services: readonly Service[]): void;
  /** The MACs of those, also as an earlier router left them. */
  services(): ReadonlySet<string>;
  /** What may come in by that port of the switch; replaces what was before. Call it before the port goes up. */
  allow(port: string, mac: Mac, addresses: readonly Ipv4[]): void;
  /** As `allow`, for the host's own leg: it forwards what others sent, and is only kept from telling of other addresses. */
  allowHost(port: string, mac: Mac, addresses: readonly Ipv4[]): void;
  disallow(port: string): void;
  /** The subnets for which the host translates; replaces those before, and lasts longer than the router. */
  masquerade(subnets: readonly Cidr[]): Promise<Result<void>>;
  /** Removes what it made in the host's namespace; what is in the switch ends with it. */
  remove(): Promise<void>;
}

/** How an echo goes past the tables of the switch: put into a VXLAN frame by us, and sent to `via`. */
export interface Around {
  readonly via: Vtep;
  readonly vni: number;
  readonly from: { readonly address: Ipv4; readonly mac: Mac };
  readonly to: Mac;
}

/** Echoes sent by the kernel of the switch. */
export interface Prober {
  probe(address: Ipv4, size: number, around?: Around): Promise<Probe>;
  close(): void;
}
