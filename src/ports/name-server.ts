import type { Cidr, Ipv4 } from '../core/address.ts';
import type { Result } from '../core/errors.ts';

/**
 * The addresses of one name on a network from now on; none: there is no such name on it. Names are relative to the zone, lower case,
 * without a dot at the end.
 */
export interface NameRecord {
  /** Empty: heard on every network. */
  readonly network: string;
  readonly name: string;
  readonly addresses: readonly Ipv4[];
}

/** Who asks from an address, by the networks that it is on. */
export interface Membership {
  readonly address: Ipv4;
  readonly networks: readonly string[];
}

/** Where questions are taken, by UDP and TCP. */
export interface ListenPlace {
  readonly address: Ipv4;
  readonly port: number;
  /** Path of a network namespace; undefined: the host's own. */
  readonly namespace: string | undefined;
  /** Only names on this network are told here, and on others that who asks is on; undefined: all. */
  readonly network: string | undefined;
  /** Who is answered here; others are refused. */
  readonly allowed: readonly Cidr[];
}

export interface UpstreamReport {
  /** As in resolv.conf. */
  readonly address: string;
  readonly asked: number;
  readonly answered: number;
  /** Why the last question to it failed; undefined since it has answered again. */
  readonly trouble: string | undefined;
}

export interface NameServerReport {
  readonly places: readonly ListenPlace[];
  /** Names and addresses that are published now. */
  readonly names: number;
  readonly addresses: number;
  readonly upstreams: readonly UpstreamReport[];
  /** By name, since the server was started; a restart of its thread begins them anew. */
  readonly counters: Readonly<Record<string, number>>;
  /** How often the thread had to be started again. */
  readonly restarts: number;
}

/** Answers questions about the zone's names, and hands others on. */
export interface NameServer {
  /**
   * Brings the places to exactly these; on refusal they stay as they were. Refuses with `dns-port-in-use`,
   * `no-such-host-address`, `no-permission`, `namespace-unknown`, `kernel-refused`.
   */
  listen(places: readonly ListenPlace[]): Promise<Result<void>>;
  /** The names are all there: questions are answered from now on. Those that came before are held for that. */
  open(): void;
  /** What has changed; all other names stay as they are. */
  publish(records: readonly NameRecord[]): void;
  /** All askers on several networks: each hears the names of all of them. */
  belong(memberships: readonly Membership[]): void;
  report(): Promise<NameServerReport>;
  close(): Promise<void>;
}
