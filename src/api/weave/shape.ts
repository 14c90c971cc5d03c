/**
 * The object that Weave Net 2.9.0 answers as `report`, by its field names. A part that is undefined is left out of the JSON, and
 * is nothing to a template. `Attributes` are a map in Go: they are made without a prototype, see `template/show.ts`.
 */
export interface WeaveReport {
  readonly Ready: boolean;
  readonly Version: string;
  readonly VersionCheck: WeaveVersionCheck;
  readonly Router: WeaveRouter;
  readonly IPAM: WeaveIpam | undefined;
  readonly DNS: WeaveDns | undefined;
  readonly Proxy: { readonly Addresses: readonly string[] } | undefined;
  readonly Plugin: WeavePlugin | undefined;
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

interface WeaveVersionCheck {
  readonly Enabled: boolean;
  readonly Success: boolean;
  readonly NewVersion: string;
  /** RFC 3339; the year 1 for never, as Go has it. */
  readonly NextCheckAt: string;
}

export interface WeaveRouter {
  readonly Protocol: string;
  readonly ProtocolMinVersion: number;
  readonly ProtocolMaxVersion: number;
  readonly Encryption: boolean;
  readonly PeerDiscovery: boolean;
  readonly Name: string;
  readonly NickName: string;
  readonly Port: number;
  readonly Peers: readonly WeavePeer[];
  readonly UnicastRoutes: readonly { readonly Dest: string; readonly Via: string }[];
  readonly BroadcastRoutes: readonly { readonly Source: string; readonly Via: readonly string[] }[];
  readonly Connections: readonly WeaveConnection[];
  readonly TerminationCount: number;
  readonly Targets: readonly string[];
  readonly OverlayDiagnostics: Readonly<Record<string, unknown>>;
  readonly TrustedSubnets: readonly string[];
  readonly Interface: string;
  readonly CaptureStats: Attributes;
  readonly MACs: readonly WeaveMac[];
}

export interface WeavePeer {
  readonly Name: string;
  readonly NickName: string;
  readonly UID: number;
  readonly ShortID: number;
  readonly Version: number;
  readonly Connections: readonly {
    readonly Name: string;
    readonly NickName: string;
    readonly Address: string;
    readonly Outbound: boolean;
    readonly Established: boolean;
  }[];
}

export type WeaveState = 'established' | 'pending' | 'retrying' | 'failed' | 'connecting';

export interface WeaveConnection {
  readonly Address: string;
  readonly Outbound: boolean;
  readonly State: WeaveState;
  readonly Info: string;
  /** `name` (fastdp, sleeve), `mtu` in bytes, `encrypted`; what does not apply is missing. */
  readonly Attrs: Attributes;
}

interface WeaveMac {
  readonly Mac: string;
  readonly Name: string;
  readonly NickName: string;
  readonly LastSeen: string;
}

export interface WeaveIpam {
  /** Of the first division, while somebody waits for it. */
  readonly Paxos:
    | { readonly Elector: boolean; readonly KnownNodes: number; readonly Quorum: number }
    | undefined;
  readonly Range: string;
  readonly RangeNumIPs: number;
  readonly ActiveIPs: number;
  readonly DefaultSubnet: string;
  readonly Entries: readonly WeaveShare[];
  readonly PendingClaims: readonly { readonly Ident: string; readonly CIDR: string }[];
  readonly PendingAllocates: readonly string[];
}

export interface WeaveShare {
  readonly Token: string;
  readonly Size: number;
  readonly Peer: string;
  readonly Nickname: string;
  readonly IsKnownPeer: boolean;
  readonly Version: number;
}

export interface WeaveDns {
  readonly Domain: string;
  readonly Upstream: readonly string[];
  readonly Address: string;
  readonly TTL: number;
  readonly Entries: readonly {
    readonly Hostname: string;
    readonly Origin: string;
    readonly ContainerID: string;
    readonly Address: string;
    readonly Version: number;
    readonly Tombstone: number;
  }[];
}

export interface WeavePlugin {
  readonly Config: Readonly<Record<string, string | boolean>>;
  readonly DriverName: string;
  readonly MeshDriverName: string;
}

/** A time that is none, as Go writes it. */
export const NEVER = '0001-01-01T00:00:00Z';
