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
}

/** What `plumb` left in the switch, as `inspect` finds it: also after a restart of the router. */
export interface Plumbed {
  readonly network: string;
  readonly container: string;
  readonly mac: Mac;
}
