import type { Ipv4, Vtep } from '../core/address.ts';
import type { Attachment, Plumbed } from '../core/endpoints/attachment.ts';
import type { Result } from '../core/errors.ts';
import type { Forwarding } from '../core/forwarding.ts';

export type { Attachment, Plumbed };

export interface Inspection {
  readonly forwarding: Forwarding;
  readonly attachments: readonly Plumbed[];
}

export interface Started {
  /** MTU of the underlay device that has the local address. */
  readonly underlayMtu: number;
  /** Whether this kernel can send on what peers address to a third. */
  readonly relays: boolean;
  /** Whether it can encrypt, where it was asked to. */
  readonly tunnels?: boolean;
  /** Where it can carry frames by itself: whether the kernel gives and takes them as large as it keeps them together. */
  readonly sleeve?: { readonly whole: boolean };
}

export interface Probe {
  /** Whether the kernel there answered an echo of `size` bytes (IP packet, not fragmented) over the data path. */
  readonly alive: boolean;
  readonly rttMs: number;
}

/**
 * The frames' way, in the kernel. Everything may be repeated; what is there already is adopted, not rebuilt
 * (interface indexes and counters stay). Calls are carried out in their order.
 */
export interface Dataplane {
  /**
   * Makes or adopts the switch: namespace, rules, nothing else. Refuses with `kernel-lacks`, `no-permission`,
   * `port-in-use` (the data port), `no-such-host-address`, `kernel-refused`.
   */
  start(local: Vtep): Promise<Result<Started>>;
  /** Brings the kernel to `wanted`: networks, FDB, neighbours, flood lists, peer set. Refuses with `kernel-refused`. */
  apply(wanted: Forwarding): Promise<Result<void>>;
  /** Reads the kernel, and mends what differs from the last `apply`; gives a sentence for each thing mended. */
  audit(): Promise<readonly string[]>;
  /**
   * Brings a container's interface to exactly `attachment`. On refusal nothing is left behind. Refuses with
   * `container-gone`, `interface-taken`, `kernel-refused`. The network must have been applied.
   */
  plumb(attachment: Attachment): Promise<Result<void>>;
  /** Never fails; succeeds also where nothing is left. */
  unplumb(network: string, container: string): Promise<void>;
  inspect(): Promise<Inspection>;
  /**
   * Asks the kernel behind a control address for an echo of `size` bytes, within a second. `via`: the question goes there,
   * whatever the last `apply` said; the answer comes as the other kernel has it.
   */
  probe(address: Ipv4, size: number, via?: Vtep): Promise<Probe>;
  /** Where frames of containers were sent within the last minute. */
  traffic(): Promise<readonly Vtep[]>;
  /** Lets go of sockets; traffic flows on. */
  close(): Promise<void>;
  /** Removes everything that `start`, `apply` and `plumb` ever made on this host. */
  remove(): Promise<void>;
}
