import type { Ipv4, Mac, PeerId } from './address.ts';
import type { Problem } from './errors.ts';

/** Whom a line is about: the name and nickname are for people, the id is what facts carry. */
export interface PeerLabel {
  readonly id: PeerId;
  readonly name: Mac;
  readonly nickname: string;
}

export type ConnectionState =
  | 'connecting'
  | 'retrying'
  | 'failed'
  | 'pending'
  | 'established'
  /** Nothing was heard for 3 s, and for 10 s; after 15 s the connection is given up. */
  | 'suspect'
  | 'down';

/** One of this router's connections, or an attempt at one. Sorted by address. */
export interface ConnectionReport {
  /** HOST:PORT of the other end. */
  readonly address: string;
  readonly outbound: boolean;
  readonly state: ConnectionState;
  /** Unknown until the other end has said who it is. */
  readonly peer: PeerLabel | undefined;
  /** How frames get there; undefined while the path has not been measured. */
  readonly path: PathKind | undefined;
  readonly mtu: number | undefined;
  readonly rttMs: number | undefined;
  /** Why it is not established, for a person. */
  readonly problem: Problem | undefined;
  /** Time until the next attempt; undefined where none is planned. */
  readonly retryInMs: number | undefined;
}

/** The kernel's VXLAN, straight or sent on by a third host; or by both routers. */
export type PathKind = 'fastdp' | 'relay' | 'sleeve';

/** How frames get to one peer, whether or not there is a connection with it. Sorted by the peer's name. */
export interface PathReport {
  readonly peer: PeerLabel;
  /** Undefined while nothing is answered. */
  readonly path: PathKind | undefined;
  readonly relay: PeerLabel | undefined;
  readonly mtu: number | undefined;
  readonly rttMs: number | undefined;
  /** The share of echoes that is lost. */
  readonly loss: number;
  /** Why it is not the best path there could be. */
  readonly why: string | undefined;
  /**
   * Whether frames are encrypted on their way, or trusted to need no such thing, or not sent since they can't be; undefined
   * where nobody asked for it.
   */
  readonly protection: 'encrypted' | 'trusted' | 'refused' | undefined;
}

/** A router of the mesh, this one first, then sorted by name. */
export interface PeerReport extends PeerLabel {
  readonly version: string;
  /** HOST:PORT where it can be dialled. */
  readonly addresses: readonly string[];
  /** Whether its router can be reached through the mesh. */
  readonly reachable: boolean;
  /** Whether the kernel of its host answers, whatever its router does; undefined while that is not known. */
  readonly alive: boolean | undefined;
  readonly connections: readonly {
    readonly address: string;
    readonly outbound: boolean;
    readonly peer: PeerLabel;
    readonly established: boolean;
  }[];
}

/** Sorted by network, then address. */
export interface EndpointReport {
  readonly network: string;
  readonly address: Ipv4;
  readonly prefix: number;
  readonly mac: Mac;
  readonly container: string;
  readonly containerName: string;
  readonly host: PeerLabel;
  /** Who holds the address where two hosts claim it and this one came later. */
  readonly conflict: { readonly containerName: string; readonly host: PeerLabel } | undefined;
}

/** An attachment of this host that is not reachable now: its container is stopped, or its address was taken. */
export interface DormantReport {
  readonly container: string;
  readonly containerName: string;
  readonly network: string;
  readonly addresses: readonly string[];
  readonly why: string;
}

/** Sorted by name. */
export interface NetworkReport {
  readonly name: string;
  /** Of two that hosts made under one name at once, another. */
  readonly id: string;
  readonly vni: number;
  readonly subnets: readonly string[];
  /** Where an address is taken from that nobody names, if not the whole first subnet. */
  readonly range: string | undefined;
  readonly gateway: Ipv4 | undefined;
  /** Addresses that are somebody's outside of the mesh. */
  readonly aux: Readonly<Record<string, Ipv4>>;
  readonly internal: boolean;
  /** Its frames leave a host sealed, or not at all. */
  readonly encrypted: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Addresses of this host itself, with prefix, sorted. */
  readonly exposed: readonly string[];
  readonly mtu: number;
  readonly endpoints: number;
}

/** Who may give out which part of the universe. */
export interface IpamReport {
  readonly universe: string;
  readonly defaultSubnet: string;
  /** Among whom the universe was divided at first; nobody yet while it is undivided. */
  readonly seeds: readonly Mac[];
  /** `undivided` until the peers have agreed on the first division. `waiting`: somebody here waits for an address. */
  readonly state: 'undivided' | 'ready' | 'waiting';
  /** What it takes to get on, for a person; undefined where nothing is amiss. */
  readonly why: string | undefined;
  /** This peer first, then sorted by name. */
  readonly shares: readonly {
    readonly peer: PeerLabel;
    /** How many addresses it may give out. */
    readonly addresses: number;
    readonly reachable: boolean;
    /** How long nothing was heard of one that is out of reach; undefined where this router never heard it. */
    readonly silentMs: number | undefined;
  }[];
  /** What of the first division nobody has taken, by the seed that it is for, and who that is where it is known. */
  readonly untaken: readonly {
    readonly name: Mac;
    readonly peer: PeerLabel | undefined;
    readonly addresses: number;
  }[];
  /** Removed peers whose space has not come to its heir. */
  readonly removed: readonly {
    readonly peer: PeerLabel;
    readonly addresses: number;
    readonly heir: PeerLabel | undefined;
    /** Those who have yet to say that it is gone. */
    readonly waitsFor: readonly PeerLabel[];
  }[];
  /** Addresses that nobody gets yet, since containers of removed peers had them, and until the last of them is free. */
  readonly quarantined: { readonly addresses: number; readonly forMs: number };
  /** How many addresses this host has given to somebody. */
  readonly given: number;
  /** How many more it could give out without asking anybody. */
  readonly free: number;
  /** Peers that divided another universe, or the same in another way: with them no address is exchanged. */
  readonly strangers: readonly {
    readonly peer: PeerLabel;
    readonly universe: string;
    readonly seeds: readonly Mac[];
  }[];
}

/** One address of a name. Sorted by name, then address. */
export interface NameReport {
  /** Within the zone. */
  readonly name: string;
  readonly address: Ipv4;
  /** Undefined for an address that no container has. */
  readonly container: string | undefined;
  readonly host: PeerLabel;
}

/** All that a router knows of itself and the mesh, as `GET /report` gives it. */
export interface Report {
  readonly version: string;
  readonly protocol: number;
  /** `joining` until it has synced with one peer or found none for 3 s. */
  readonly state: 'joining' | 'ready' | 'leaving';
  readonly self: PeerLabel;
  readonly listen: string;
  readonly data: string;
  readonly password: boolean;
  readonly discovery: boolean;
  readonly targets: readonly string[];
  readonly connections: readonly ConnectionReport[];
  readonly paths: readonly PathReport[];
  readonly peers: readonly PeerReport[];
  readonly networks: readonly NetworkReport[];
  /** Those that are gone for good, by the operator's word. Sorted by id. */
  readonly removed: readonly PeerLabel[];
  readonly endpoints: readonly EndpointReport[];
  readonly dormant: readonly DormantReport[];
  /** What all names are within. */
  readonly zone: string;
  readonly names: readonly NameReport[];
  /** Undefined where this router gives out no addresses. */
  readonly ipam: IpamReport | undefined;
}
