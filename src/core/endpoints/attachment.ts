import type { Cidr, Mac } from '../address.ts';

/** A container's interface on one network of this host. One for each (network, container). */
export interface Attachment {
  readonly network: string;
  readonly vni: number;
  /** As `Container.id`. */
  readonly container: string;
  /** Path of the container's network namespace. */
  readonly sandbox: string;
  /** Name of the interface inside, e.g. `ethmesh`. */
  readonly device: string;
  readonly mac: Mac;
  readonly mtu: number;
  readonly addresses: readonly Cidr[];
  /** It has no route for multicast. */
  readonly unicast?: boolean;
  /** What the interface inside says of itself; its routes keep packets to `mtu`. The same as `mtu` where left out. */
  readonly deviceMtu?: number;
  /**
   * Of the host's own leg: those of its addresses for whose subnets the host translates. What goes from there to elsewhere
   * has an address of the host then, and what comes from elsewhere that of the leg.
   */
  readonly masqueraded?: readonly Cidr[];
  /**
   * An engine takes the container's end: it waits in the host's namespace under the name `device`, and has its addresses and
   * its name from the engine. `joined` is the namespace where that took it, once that has said so.
   */
  readonly handed?: { readonly joined: string | undefined };
}

/** What the host's own leg in a network is called where a container would be; no container can be called so. */
export const HOST_LEG = 'mesh:expose';
/** Before the id that an engine gave an endpoint, in place of a container's: whose it is the engine says later, if at all. */
const HANDED = 'endpoint:';
export const handedName = (endpoint: string): string => HANDED + endpoint;
/** The engine's id of an endpoint that it asked for; undefined for everything else that is attached. */
export const endpointOf = ({ container }: { readonly container: string }): string | undefined =>
  container.startsWith(HANDED) ? container.slice(HANDED.length) : undefined;

/** In place of the path of a sandbox: the host's own namespace. */
export const HOST_SANDBOX = 'host';

/** What `plumb` left in the switch, as `inspect` finds it: also after a restart of the router. */
export interface Plumbed {
  readonly network: string;
  readonly container: string;
  readonly mac: Mac;
}
