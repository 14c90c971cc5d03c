import type { Cidr, Ipv4, Mac, PeerId, Vtep } from '../address.ts';
import type { Attachment, Plumbed } from '../endpoints/attachment.ts';
import type { Problem, Result } from '../errors.ts';
import type { Forwarding } from '../forwarding.ts';
import type { ZoneName } from '../names/name.ts';
import type { NameRecord } from '../names/view.ts';
import type { Network } from '../networks/network.ts';
import type { CryptoFunctions, Limits } from '../replica.ts';
import type { Encryption, SleeveFact } from '../topology/facts.ts';
import type { Message } from '../wire.ts';
import type { EndpointCommand } from './handed.ts';
import type { Membership } from './memberships.ts';
import type { NetworkWish } from './networking.ts';
import type { Repaired } from './repair.ts';

/** Milliseconds on a clock that never jumps. */
export type Millis = number;

/** How the universe is divided at first, where nobody has divided it yet. */
export type IpamInit =
  /**
   * A majority of `electorate` agrees; where nobody gave that number, all agree that this host was told of (`named`,
   * HOST:PORT), and whom those were told of: one that founded the mesh alone is among them, and is not outvoted by
   * those that join it.
   */
  | { readonly kind: 'consensus'; readonly electorate: number | undefined; readonly named: readonly string[] }
  | { readonly kind: 'seed'; readonly names: readonly Mac[] }
  | { readonly kind: 'observer' };

/** The addresses that the mesh gives out itself; the same on every host. */
export interface IpamConfig {
  readonly universe: Cidr;
  readonly defaultSubnet: Cidr;
  readonly init: IpamInit;
  /** A host by itself divides the universe when the first address is asked for, and not before. */
  readonly lazy?: boolean | undefined;
  /** How long somebody waits for an address at most. */
  readonly timeoutMs: Millis;
  /** How long an address that a removed peer's container had is given to nobody. */
  readonly quarantineMs: Millis;
}

export interface HostConfig {
  readonly self: PeerId;
  readonly crypto: CryptoFunctions;
  /** Where others than the default ones are wanted; the same on every host. */
  readonly limits?: Partial<Limits>;
  readonly version: string;
  readonly name: Mac | undefined;
  readonly nickname: string;
  /** HOST:PORT where others can dial this router. */
  readonly advertise: readonly string[];
  readonly listen: string;
  readonly vtep: Vtep;
  /** MTU of the underlay device that carries `vtep`. */
  readonly underlayMtu: number;
  /** Whether the kernel can send on what others address to a third. */
  readonly relays: boolean;
  /** An upper bound on the overlay's MTU, where the user gave one. */
  readonly mtu: number | undefined;
  readonly password: boolean;
  /** Undefined where frames go as they are. */
  readonly encryption?: Encryption;
  /** Undefined where the router carries no frames itself. */
  readonly sleeve?: SleeveFact;
  readonly discovery: boolean;
  /** Of those whom others told of, only who can be reached by way of others is dialled. */
  readonly dialsReachable?: boolean | undefined;
  /** What the names of containers are within, like `mesh.internal`; the same on every host. */
  readonly zone: string;
  /** Attached containers are called by their host name only, and that only if it is given in full. */
  readonly byHostName?: boolean | undefined;
  /** What a container that is down had is another's that asks for it by name, at once. */
  readonly yields?: boolean | undefined;
  /** Undefined where the mesh gives out no addresses. */
  readonly ipam: IpamConfig | undefined;
  /** What interfaces of containers say of themselves, whatever the paths take; that where left out. */
  readonly deviceMtu?: number | undefined;
  /** What links are called: in containers, and the host's own leg in a network. */
  readonly device: string;
  readonly legDevice: string;
  /** Peers to dial, HOST:PORT; undefined takes those that were stored. */
  readonly targets: readonly string[] | undefined;
  /** A start with the id that was stored is a restart: it takes the stored targets too. Empty: none is. */
  readonly launchId: string;
  /** New at every start. */
  readonly boot: string;
  /** Seeds the jitter of retries. */
  readonly seed: number;
  /** Instead of `decodeMessage`, where many hosts in one process get the same bytes. */
  readonly decode?: (bytes: Uint8Array) => Message | undefined;
  /** What the store held. */
  readonly records: ReadonlyMap<string, Uint8Array>;
}

/** Asks for an address without saying for whom. */
export const NOBODY = '_';

/** A running container, as its runtime describes it. */
export interface Sandbox {
  readonly id: string;
  readonly name: string;
  readonly sandbox: string;
  /** What else it is called: its host name, if it was given one, and what networks call it. */
  readonly aliases?: readonly string[];
}

export type Command =
  | {
      readonly kind: 'attach';
      readonly container: Sandbox;
      readonly network: string;
      readonly addresses: readonly Cidr[];
      /** An address of each is allocated; with no addresses either, one of the default subnet. */
      readonly subnets?: readonly Cidr[];
      /** Names beside those that its runtime knows. */
      readonly names?: readonly ZoneName[];
      /** It gets no name by itself. */
      readonly nameless?: boolean;
      /** It gets no route for multicast; as it was where left out. */
      readonly unicast?: boolean | undefined;
      /** That of its interface; one that goes with the address where it has none yet. */
      readonly mac?: Mac;
      /** Of the host's own leg (`HOST_LEG`): whether the host translates for these addresses' subnets. */
      readonly masquerade?: boolean;
    }
  /**
   * Names for a container that is attached here, all its addresses where none is named; or for addresses, of which each
   * is that of a container here, or of nobody in the mesh. With no names: those that the container's runtime knows, or all.
   */
  | {
      readonly kind: 'name' | 'unname';
      readonly container: string | undefined;
      readonly network: string;
      readonly addresses: readonly Ipv4[];
      readonly names: readonly ZoneName[];
    }
  /**
   * An address for `owner`, who is no container that is attached: this very one, or the lowest free of a subnet. What is
   * given to `NOBODY` is the address's own: its text is the owner.
   */
  | { readonly kind: 'allocate'; readonly owner: string; readonly subnet: Cidr | undefined }
  | { readonly kind: 'claim'; readonly owner: string; readonly address: Cidr }
  /** All of the owner's where none is named. */
  | { readonly kind: 'release'; readonly owner: string; readonly addresses: readonly Ipv4[] }
  /** All addresses of the container on the network where none is named. `container` is a name, an id or its prefix. */
  | {
      readonly kind: 'detach';
      readonly container: string;
      readonly network: string;
      readonly addresses: readonly Cidr[];
    }
  | { readonly kind: 'connect'; readonly peers: readonly string[]; readonly replace: boolean }
  | { readonly kind: 'forget'; readonly peers: readonly string[] }
  /** Answered when this host can give out addresses, or with what that takes. */
  | { readonly kind: 'prime' }
  /** The operator's word that a peer is gone for good. `force`: also where it seems to live. */
  | { readonly kind: 'remove-peer'; readonly peer: PeerId; readonly force: boolean }
  /** One that is like that already is as good as a new one. */
  | { readonly kind: 'create-network'; readonly network: NetworkWish }
  /** Refused while anything is on it, on any host. */
  | { readonly kind: 'remove-network'; readonly network: string }
  | EndpointCommand
  /** Gives containers here that lost an address to others new ones. `dryRun`: only says which they are. */
  | { readonly kind: 'repair'; readonly dryRun: boolean }
  /** Withdraws every fact and detaches everything: the host leaves the mesh. */
  | { readonly kind: 'leave' };

/** What a command gives: the addresses attached or detached; what was detached by leaving. */
export interface Reply {
  readonly addresses: readonly Ipv4[];
  readonly detached: readonly Detached[];
  readonly removed?: Removed;
  readonly repaired?: readonly Repaired[];
  /** That was made, or removed. */
  readonly network?: Network | undefined;
  readonly endpoint?: EndpointReply;
  readonly subnet?: Cidr;
}

/** What an engine is told of an endpoint that it asked for. */
export interface EndpointReply {
  readonly network: string;
  readonly mac: Mac;
  /** What its end is called in the host's namespace, where the engine takes it. */
  readonly device: string;
  /** Its container reaches nothing outside through the network, nor another way. */
  readonly internal: boolean;
  /** Its container has no route for multicast by another network of the mesh. Told when it is joined. */
  readonly multicast?: boolean;
}

/** What becomes of the space of a removed peer. */
export interface Removed {
  /** How many addresses it could give out. */
  readonly addresses: number;
  readonly heir: PeerId | undefined;
  /** Peers that have to agree first: one of them may know of something that the removed one gave away. */
  readonly waitsFor: readonly PeerId[];
}

export interface Detached {
  readonly container: string;
  readonly containerName: string;
  readonly addresses: readonly Ipv4[];
}

export type Input =
  | { readonly kind: 'tick' }
  | { readonly kind: 'peer-up'; readonly peer: PeerId; readonly address: string; readonly outbound: boolean }
  | { readonly kind: 'peer-down'; readonly peer: PeerId; readonly reason: string }
  | { readonly kind: 'message'; readonly from: PeerId; readonly bytes: Uint8Array }
  | { readonly kind: 'dial-failed'; readonly address: string; readonly problem: Problem }
  | { readonly kind: 'command'; readonly ticket: number; readonly command: Command }
  /** What the kernel holds of an earlier router: the first input. */
  | { readonly kind: 'adopted'; readonly attachments: readonly Plumbed[]; readonly forwarding: Forwarding }
  | {
      readonly kind: 'plumbed';
      readonly network: string;
      readonly container: string;
      /** That of the attachment which was plumbed. */
      readonly sandbox: string;
      readonly result: Result<void>;
    }
  | { readonly kind: 'container-started'; readonly container: Sandbox }
  | { readonly kind: 'container-died'; readonly id: string }
  | { readonly kind: 'container-removed'; readonly id: string }
  | {
      readonly kind: 'path-measured';
      readonly peer: PeerId;
      readonly way: number;
      readonly size: number;
      /** Undefined where nobody answered. */
      readonly rttMs: number | undefined;
    }
  /** Where frames went within the last minute, as far as is known. */
  | { readonly kind: 'traffic'; readonly to: readonly Vtep[] }
  /** At which port the kernel takes what is encrypted from now on; undefined: it can't any more. */
  | { readonly kind: 'tunnels'; readonly port: number | undefined }
  /** The last input. */
  | { readonly kind: 'stopping' }
  /** Why nothing can be stored now, or undefined once it can. */
  | { readonly kind: 'store-trouble'; readonly problem: Problem | undefined };

/** Keys and values for the store; an undefined value removes the key. */
export type Records = ReadonlyMap<string, Uint8Array | undefined>;

/** What a host wants done, in this order. Nothing after a `persist` is done before it is on disk. */
export type Effect =
  | { readonly kind: 'persist'; readonly records: Records }
  /** Stored in time; nothing waits for it. */
  | { readonly kind: 'save'; readonly records: Records }
  | { readonly kind: 'broadcast'; readonly bytes: Uint8Array }
  | { readonly kind: 'send'; readonly to: PeerId; readonly bytes: Uint8Array }
  | { readonly kind: 'connect'; readonly address: string }
  /** A peer that broke a rule is refused for `refuseMs` from now on; 0 for others. */
  | {
      readonly kind: 'hang-up';
      readonly peer: PeerId;
      readonly reason: string;
      readonly refuseMs: Millis;
    }
  /** The broadcast that this step was about is not handed on: it was refused, or told nothing new. */
  | { readonly kind: 'withhold' }
  /** Answered by `plumbed`. */
  | { readonly kind: 'plumb'; readonly attachment: Attachment }
  | { readonly kind: 'unplumb'; readonly network: string; readonly container: string }
  /** The kernel should be brought to `Host.forwarding()`; several in a row mean one. */
  | { readonly kind: 'forward' }
  /** These names have these addresses from now on; what `forward` was to do is done before. */
  | { readonly kind: 'publish-names'; readonly records: readonly NameRecord[] }
  /** These are all containers here that are on several networks. */
  | { readonly kind: 'memberships'; readonly memberships: readonly Membership[] }
  /** These are all networks from now on, sorted by name. */
  | { readonly kind: 'networks'; readonly networks: readonly Network[] }
  /**
   * Answered by `path-measured`, with the same `way`. `size` is that of the IP packet. `via`: sent there, whatever the
   * kernel's tables say.
   */
  | {
      readonly kind: 'probe';
      readonly peer: PeerId;
      readonly address: Ipv4;
      readonly size: number;
      readonly way: number;
      readonly via?: Vtep;
    }
  /** Answered by `container-started`, `container-died` or `container-removed`, now and after every change. */
  | { readonly kind: 'follow'; readonly container: string }
  | { readonly kind: 'reply'; readonly ticket: number; readonly result: Result<Reply> }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn'; readonly message: string; readonly data: object }
  /** A `tick` is wanted at this time; replaces an earlier wish. */
  | { readonly kind: 'wake'; readonly at: Millis }
  /** This router can't go on; traffic stays as it is. */
  | { readonly kind: 'halt'; readonly problem: Problem };
