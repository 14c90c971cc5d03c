import type { Result } from '../../core/errors.ts';
import type { Report } from '../../core/report.ts';
import type { Inspection } from '../../ports/dataplane.ts';

/** What the control socket offers: HTTP + JSON, one route a method of `ControlHandlers`. */

export interface Health {
  readonly version: string;
  /** In the pid namespace of the router: another one's where it runs as a container. */
  readonly pid: number;
  readonly state: Report['state'];
  readonly how: 'native' | 'container';
}

/** What the kernel holds now, as the data plane reads it back. */
export interface DataplaneReport {
  readonly inspection: Inspection;
  /** Frames, bytes and drops by name, e.g. `mesh.tx.bytes`. */
  readonly counters: Readonly<Record<string, number>>;
  /** What was mended in the last hour, the last first; 20 at most. */
  readonly mended: readonly Mended[];
}

/** Something in the kernel that was not as it should be, and is again. */
export interface Mended {
  readonly what: string;
  readonly agoMs: number;
}

export interface AttachRequest {
  /** Name, id or unique prefix of an id; `netns:PATH` for a bare namespace. */
  readonly container: string;
  /** With prefix, like `10.0.0.11/24`. */
  readonly addresses: readonly string[];
  /** One address of each is given, too: like `10.32.8.0/24`, or `default`. With no addresses either, of the default one. */
  readonly subnets?: readonly string[] | undefined;
}

export interface DetachRequest {
  readonly container: string;
  /** With prefix; all of the container's where left out. */
  readonly addresses?: readonly string[] | undefined;
}

/** The addresses that were attached or detached, with prefix, sorted. */
export interface AddressReply {
  readonly addresses: readonly string[];
}

export interface ConnectRequest {
  /** HOST or HOST:PORT. */
  readonly peers: readonly string[];
  /** Forget all other targets. */
  readonly replace?: boolean | undefined;
}

export interface ForgetRequest {
  readonly peers: readonly string[];
}

export interface Detached {
  readonly container: string;
  readonly containerName: string;
  readonly addresses: readonly string[];
}

export interface LeaveReply {
  readonly detached: readonly Detached[];
}

/** What a running router does for who may open its control socket. */
export interface ControlHandlers {
  health(): Promise<Result<Health>>;
  report(): Promise<Result<Report>>;
  dataplane(): Promise<Result<DataplaneReport>>;
  attach(request: AttachRequest): Promise<Result<AddressReply>>;
  detach(request: DetachRequest): Promise<Result<AddressReply>>;
  connect(request: ConnectRequest): Promise<Result<void>>;
  forget(request: ForgetRequest): Promise<Result<void>>;
  /** Detaches every container and says so to the mesh; the router goes on. */
  leave(): Promise<Result<LeaveReply>>;
  /** Answers, then ends the router; traffic flows on. */
  stop(): Promise<Result<void>>;
}

export type ControlCall = keyof ControlHandlers;

export const ROUTES: { readonly [Call in ControlCall]: { method: 'GET' | 'POST'; path: string } } = {
  health: { method: 'GET', path: '/health' },
  report: { method: 'GET', path: '/report' },
  dataplane: { method: 'GET', path: '/dataplane' },
  attach: { method: 'POST', path: '/attach' },
  detach: { method: 'POST', path: '/detach' },
  connect: { method: 'POST', path: '/connect' },
  forget: { method: 'POST', path: '/forget' },
  leave: { method: 'POST', path: '/leave' },
  stop: { method: 'POST', path: '/stop' },
};
