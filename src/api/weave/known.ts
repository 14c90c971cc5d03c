import type { Report } from '../../core/report.ts';
import type { DnsReport, ProxyReport } from '../control/contract.ts';

/** What Weave's `report`, `status` and metrics are made of here. What is optional shows as nothing where it is not known. */
export interface Known {
  readonly report: Report;
  /** When the report was made, in ms since 1970. */
  readonly now: number;
  /** Undefined where nobody could be asked; its `server` is undefined where the router answers no questions. */
  readonly dns: DnsReport | undefined;
  /** Undefined where there is no Docker proxy. */
  readonly proxy: ProxyReport | undefined;
  /** What the drivers are called in Docker; undefined where the router is no plugin. */
  readonly plugin: { readonly driver: string; readonly meshDriver: string } | undefined;
  /** Where frames go unencrypted although there is a password; with prefix. */
  readonly trustedSubnets: readonly string[];
  /** The first division of the universe, while somebody waits for it; undefined: nobody does. */
  readonly election?: Election | undefined;
  /** Who waits for addresses: undefined where it is known only of the report whether anybody does. */
  readonly pending?: Pending | undefined;
  /** How many connections have ended since the router started. */
  readonly terminations?: number | undefined;
  /** By how many entries the kernel forwards by itself. */
  readonly flows?: number | undefined;
}

export interface Election {
  /** Whether this host has a vote. */
  readonly elector: boolean;
  /** How many votes it takes, and how many are known. */
  readonly quorum: number;
  readonly known: number;
}

export interface Pending {
  /** Like `OWNER 10.32.0.0/12`. */
  readonly allocates: readonly string[];
  readonly claims: readonly { readonly owner: string; readonly cidr: string }[];
}
