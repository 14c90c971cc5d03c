import type { Engine } from '../../adapters/docker/engine.ts';
import type { Feature } from '../../adapters/linux/features.ts';
import type { SwitchLeft, Underlay } from '../../adapters/linux/host-view.ts';
import type { DataplaneReport, Health } from '../../api/control/contract.ts';
import type { Finding } from '../../api/control/finding.ts';
import type { Settings } from '../../api/control/options.ts';
import type { Ipv4 } from '../../core/address.ts';
import type { Problem, Result } from '../../core/errors.ts';
import type { Report } from '../../core/report.ts';

/** What the command line shows of a finding comes from the check's name and these. */
export type Found = Omit<Finding, 'check'>;

/** One thing to look at. It changes nothing on the host, and what it has to make for that is gone when it ends. */
export interface Check {
  readonly name: string;
  run(context: DoctorContext): Promise<readonly Found[]>;
}

/** What a router that runs here says of itself. */
export interface RunningRouter {
  readonly health: Health;
  readonly report: Report;
  readonly dataplane: DataplaneReport;
}

export interface DoctorContext {
  readonly settings: Settings;
  /** Undefined where no router answers. */
  readonly router: RunningRouter | undefined;
  /** The router's report as it is by now. */
  reportAgain(): Promise<Report | undefined>;
  pause(ms: number): Promise<void>;
  readonly machine: Machine;
}

/** What a socket of this host is bound to. */
export interface PortHolder {
  /** For people: `process 812 (weaver)`, `the kernel (a VXLAN device or the like)`. */
  readonly who: string;
}

export interface Space {
  /** The directory itself, or the nearest one above it that exists. */
  readonly path: string;
  readonly exists: boolean;
  readonly freeBytes: number;
  readonly freeFiles: number;
  /** Why nothing can be written there; undefined where it can, or where only a full disk is in the way. */
  readonly unwritable: Problem | undefined;
}

/** The packet filter of this host, as nft gives it. */
export interface Rules {
  /** What `nft -j list ruleset` prints. */
  readonly json: unknown;
  /** What `nft -a list ruleset` prints. */
  readonly text: string;
}

/** All that the checks ask of the host they run on. */
export interface Machine {
  /** Whether this process may change the kernel's networks. */
  readonly capable: boolean;
  /** Whether it runs in a container of its own, where it doesn't see the host's processes and files. */
  readonly contained: boolean;
  readonly engine: Pick<Engine, 'get'> | undefined;
  hasProgram(name: string): boolean;
  features(): Promise<readonly Feature[]>;
  /** Read once, however many ask. */
  rules(): Promise<Result<Rules>>;
  /** Tables of rules of the older kind, which nft can't show. */
  legacyTables(): readonly string[];
  /** The address that frames would be sent from. */
  dataAddress(): Ipv4 | undefined;
  underlay(address: Ipv4): Promise<Underlay | undefined>;
  /** Who has a port of this host; undefined where it is free. */
  portHolder(protocol: 'tcp' | 'udp', port: number): Promise<PortHolder | undefined>;
  /** What a router left in the kernel, or has there. */
  switchLeft(): Promise<SwitchLeft>;
  /** The process that uses the state directory; undefined where none does. */
  stateHolder(): Promise<string | undefined>;
  space(directory: string): Promise<Space>;
  /** Whether what is mounted at or below `path` shows in containers and back (mount_namespaces(7)). */
  isShared(path: string): boolean;
  /** The error that the last router here ended with, as its log has it. */
  lastError(): string | undefined;
}
