import type { Problem, Result } from '../../core/errors.ts';
import type { NetworkReport, PeerLabel, Report } from '../../core/report.ts';
import type { Inspection } from '../../ports/dataplane.ts';
import type { UpstreamReport } from '../../ports/name-server.ts';

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
  /** The default one where left out. */
  readonly network?: string | undefined;
  /** With prefix, like `10.0.0.11/24`. */
  readonly addresses: readonly string[];
  /** One address of each is given, too: like `10.32.8.0/24`, or `default`. With no addresses either, of the default one. */
  readonly subnets?: readonly string[] | undefined;
  /** Beside those that its runtime knows it by; one label, or a full name in the zone. */
  readonly names?: readonly string[] | undefined;
  /** It gets no name by itself. */
  readonly withoutDns?: boolean | undefined;
  /** It gets no route for multicast; as it was where left out. */
  readonly withoutMulticast?: boolean | undefined;
}

export interface DetachRequest {
  readonly container: string;
  readonly network?: string | undefined;
  /** With prefix; all of the container's where left out. */
  readonly addresses?: readonly string[] | undefined;
}

/** The host's own leg in the network, as a container's addresses. */
export interface ExposeRequest {
  readonly addresses?: readonly string[] | undefined;
  readonly subnets?: readonly string[] | undefined;
  readonly names?: readonly string[] | undefined;
  /** False: the host does not translate for the subnets of these addresses. */
  readonly masquerade?: boolean | undefined;
}

export interface HideRequest {
  /** With prefix; all where left out. */
  readonly addresses?: readonly string[] | undefined;
}

/** The addresses that were attached or detached, with prefix, sorted. */
export interface AddressReply {
  readonly addresses: readonly string[];
}

/** Whose addresses: the id of a container, or what else asks for them. */
export interface OwnerRequest {
  readonly owner: string;
  /** Only those in here, like `10.32.8.0/24`; for `allocate` the default one where left out. */
  readonly subnet?: string | undefined;
}

/** For an owner `_` the address is its own owner. */
export interface AllocateRequest extends OwnerRequest, Aliveness {}

interface Aliveness {
  /** The owner is a container, and gets nothing unless it runs. */
  readonly checkAlive?: boolean | undefined;
}

export interface ClaimRequest extends Aliveness {
  readonly owner: string;
  /** With prefix. */
  readonly address: string;
}

export interface ReleaseRequest {
  readonly owner: string;
  /** With or without prefix; all of the owner's where left out. */
  readonly address?: string | undefined;
}

/** What this host has given out, sorted by owner. */
export interface OwnedReply {
  readonly owned: readonly ({ readonly owner: string } & AddressReply)[];
}

/**
 * Names for a container that is attached here, or for addresses (without prefix), of which each is that of a container here
 * or of nobody in the mesh.
 */
export interface NameRequest {
  readonly container?: string | undefined;
  /** On which the container or the addresses are; the default one where left out. */
  readonly network?: string | undefined;
  /** With a container, those of its addresses that are meant; all where left out. */
  readonly addresses?: readonly string[] | undefined;
  /** Where left out: those that the container's runtime knows it by; to remove, all. */
  readonly names?: readonly string[] | undefined;
}

/** How this host answers for names. */
export interface DnsReport {
  readonly zone: string;
  /** In seconds. */
  readonly ttl: number;
  /** Undefined where it answers no questions (`--no-dns`). */
  readonly server:
    | {
        readonly listening: readonly {
          readonly address: string;
          readonly port: number;
          /** At the service address of a network; else at one of the host's. */
          readonly inSwitch: boolean;
        }[];
        /** Why it does not listen where it should, in a sentence. */
        readonly trouble?: string | undefined;
        /** Who is asked for all other names, the first first. */
        readonly upstreams: readonly UpstreamReport[];
        readonly counters: Readonly<Record<string, number>>;
        /** How often it had to be started again. */
        readonly restarts: number;
      }
    | undefined;
}

/** Where the Docker proxy is asked, as in DOCKER_HOST, the first first. */
export interface ProxyReport {
  readonly addresses: readonly string[];
}

export interface LookupRequest {
  readonly name: string;
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

export interface RemovePeerRequest {
  /** Peer names, nicknames or ids. */
  readonly peers: readonly string[];
  /** Also one that seems to live. */
  readonly force?: boolean | undefined;
}

/** What becomes of the space of a peer that is gone. */
export interface RemovedPeer {
  readonly peer: PeerLabel;
  /** How many addresses it could give out. */
  readonly addresses: number;
  /** Who gets them; undefined where it held none, or nobody is left. */
  readonly heir: PeerLabel | undefined;
  /** Peers that have to agree first. */
  readonly waitsFor: readonly PeerLabel[];
}

export interface RemovePeerReply {
  readonly removed: readonly RemovedPeer[];
}

export interface RepairRequest {
  /** Only tells which addresses are lost. */
  readonly dryRun?: boolean | undefined;
}

/** An address of a container here that another one holds, with prefix; and what it has in its place, or why it has none. */
export interface RepairedAddress {
  readonly container: string;
  readonly containerName: string;
  readonly network: string;
  readonly before: string;
  readonly after: string | undefined;
  readonly problem: Problem | undefined;
}

export interface RepairReply {
  readonly repaired: readonly RepairedAddress[];
}

/** What is left out is chosen. */
export interface NetworkRequest {
  readonly name: string;
  /** Like `10.40.0.0/16`. */
  readonly subnets?: readonly string[] | undefined;
  /** The part of the first subnet that an address is taken from which nobody names. */
  readonly range?: string | undefined;
  /** Somebody's outside of the mesh; addresses without prefix. */
  readonly gateway?: string | undefined;
  readonly aux?: Readonly<Record<string, string>> | undefined;
  readonly mtu?: number | undefined;
  readonly internal?: boolean | undefined;
  /** Its frames leave hosts sealed, or not at all. */
  readonly encrypted?: boolean | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface NetworkName {
  readonly name: string;
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
  /** Gives this host addresses in the network, one that is free where none is named. */
  expose(request: ExposeRequest): Promise<Result<AddressReply>>;
  hide(request: HideRequest): Promise<Result<AddressReply>>;
  /** An address for who is not attached: waits until there is one. The same again for an owner that has one. */
  allocate(request: AllocateRequest): Promise<Result<AddressReply>>;
  /** This very address. */
  claim(request: ClaimRequest): Promise<Result<AddressReply>>;
  release(request: ReleaseRequest): Promise<Result<AddressReply>>;
  /** What the owner has; nothing is an answer, too. */
  held(request: OwnerRequest): Promise<Result<AddressReply>>;
  owned(): Promise<Result<OwnedReply>>;
  /** Waits until this host can give out addresses, or says what that takes. */
  prime(): Promise<Result<void>>;
  name(request: NameRequest): Promise<Result<void>>;
  unname(request: NameRequest): Promise<Result<void>>;
  /** What this host answers for a name in the zone; no address is an answer, too. */
  lookup(request: LookupRequest): Promise<Result<AddressReply>>;
  dns(): Promise<Result<DnsReport>>;
  proxy(): Promise<Result<ProxyReport>>;
  connect(request: ConnectRequest): Promise<Result<void>>;
  forget(request: ForgetRequest): Promise<Result<void>>;
  /** The operator's word that peers are gone for good; the first that can't be removed ends it. */
  rmpeer(request: RemovePeerRequest): Promise<Result<RemovePeerReply>>;
  /** Gives containers of this host new addresses for those that they lost to others. */
  repair(request: RepairRequest): Promise<Result<RepairReply>>;
  /** A network on all hosts; one that is like that already is as good as a new one. */
  createNetwork(request: NetworkRequest): Promise<Result<NetworkReport>>;
  /** Refused while anything is on it, on any host. */
  removeNetwork(request: NetworkName): Promise<Result<void>>;
  /** Detaches every container and says so to the mesh; the router goes on. */
  leave(): Promise<Result<LeaveReply>>;
  /** Answers, then ends the router; traffic flows on. */
  stop(): Promise<Result<void>>;
}

export type ControlCall = keyof ControlHandlers;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As `path.ts` has them; the one with the most parameters first. */
  readonly paths: readonly string[];
  /** Fields of the request that may stand behind a `?`, by what they are called there. */
  readonly query?: Readonly<Record<string, string>>;
  /** An answer may take as long as somebody is willing to wait for an address. */
  readonly waits?: boolean;
}

export const ROUTES: { readonly [Call in ControlCall]: Route } = {
  health: { method: 'GET', paths: ['/health'] },
  report: { method: 'GET', paths: ['/report'] },
  dataplane: { method: 'GET', paths: ['/dataplane'] },
  attach: { method: 'POST', paths: ['/attach'], waits: true },
  detach: { method: 'POST', paths: ['/detach'] },
  expose: { method: 'POST', paths: ['/expose'], waits: true },
  hide: { method: 'POST', paths: ['/hide'] },
  allocate: {
    method: 'POST',
    paths: ['/ip/{owner}/{subnet...}', '/ip/{owner}'],
    query: { 'check-alive': 'checkAlive' },
    waits: true,
  },
  claim: {
    method: 'PUT',
    paths: ['/ip/{owner}/{address...}'],
    query: { 'check-alive': 'checkAlive' },
    waits: true,
  },
  release: { method: 'DELETE', paths: ['/ip/{owner}/{address...}', '/ip/{owner}'] },
  held: { method: 'GET', paths: ['/ip/{owner}/{subnet...}', '/ip/{owner}'] },
  owned: { method: 'GET', paths: ['/ip'] },
  prime: { method: 'GET', paths: ['/ring'], waits: true },
  name: { method: 'PUT', paths: ['/name'] },
  unname: { method: 'DELETE', paths: ['/name'] },
  lookup: { method: 'GET', paths: ['/name/{name}'] },
  dns: { method: 'GET', paths: ['/dns'] },
  proxy: { method: 'GET', paths: ['/proxyaddrs'] },
  connect: { method: 'POST', paths: ['/connect'] },
  forget: { method: 'POST', paths: ['/forget'] },
  rmpeer: { method: 'POST', paths: ['/rmpeer'] },
  repair: { method: 'POST', paths: ['/ipam/repair'], waits: true },
  createNetwork: { method: 'POST', paths: ['/networks'] },
  removeNetwork: { method: 'DELETE', paths: ['/networks/{name}'] },
  leave: { method: 'POST', paths: ['/leave'] },
  stop: { method: 'POST', paths: ['/stop'] },
};
