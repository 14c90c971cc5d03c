import { compare, type Ipv4, type Mac, type PeerId } from '../address.ts';
import type { Change } from '../replica.ts';
import {
  type ConnectionFact,
  connectionPeer,
  decodeConnection,
  decodeHost,
  HOST_KEY,
  type HostFact,
  TOPOLOGY,
} from './facts.ts';

interface Known {
  host: HostFact | undefined;
  stamp: number;
  readonly connections: Map<PeerId, ConnectionFact>;
}

/** Who exists, where, and who is connected to whom: what the topology facts of all owners mean together. */
export interface TopologyView {
  /** Takes in one change of an entry; anything that isn't of this domain is left alone. */
  update(change: Change): void;
  host(peer: PeerId): HostFact | undefined;
  /** Peers with a host fact, sorted. */
  peers(): readonly PeerId[];
  /** What `peer` says of its connections. */
  connections(peer: PeerId): ReadonlyMap<PeerId, ConnectionFact>;
  /** Whose host fact says that `address` (HOST:PORT) is theirs. */
  at(address: string): PeerId | undefined;
  /** Peers that can be reached from `from` over connections that both ends or one end call established. */
  reachable(from: PeerId): ReadonlySet<PeerId>;
  /** Who has a peer name, or a control address: of several that took it, the lower (stamp, owner). */
  named(name: Mac): PeerId | undefined;
  controlling(control: Ipv4): PeerId | undefined;
  /** Counts up with every change that may alter forwarding. */
  readonly version: number;
}

export function createTopologyView(): TopologyView {
  const known = new Map<PeerId, Known>();
  let sorted: readonly PeerId[] | undefined;
  let held: Firsts | undefined;
  let version = 0;

  const peers = (): readonly PeerId[] => {
    sorted ??= [...known]
      .filter(([, entry]) => entry.host !== undefined)
      .map(([peer]) => peer)
      .sort(compare);
    return sorted;
  };

  const firsts = (): Firsts => {
    held ??= firstsOf(known, peers());
    return held;
  };

  function update({ owner, domain, key, now }: Change): void {
    if (domain !== TOPOLOGY) return;
    const entry = known.get(owner) ?? { host: undefined, stamp: 0, connections: new Map() };
    const peer = connectionPeer(key);
    if (key === HOST_KEY) {
      entry.host = now?.value === undefined ? undefined : decodeHost(now.value);
      entry.stamp = now?.stamp ?? 0;
      sorted = undefined;
      held = undefined;
      version += 1;
    } else if (peer !== undefined) {
      const fact = now?.value === undefined ? undefined : decodeConnection(now.value);
      if (fact === undefined) entry.connections.delete(peer);
      else entry.connections.set(peer, fact);
    }
    if (entry.host === undefined && entry.connections.size === 0) known.delete(owner);
    else known.set(owner, entry);
  }

  return {
    update,
    peers,
    host: peer => known.get(peer)?.host,
    connections: peer => known.get(peer)?.connections ?? new Map(),
    at: address => peers().find(peer => known.get(peer)?.host?.addresses.includes(address)),
    reachable: from => reachable(known, from),
    named: name => firsts().names.get(name),
    controlling: control => firsts().controls.get(control),
    get version() {
      return version;
    },
  };
}

interface Firsts {
  readonly names: ReadonlyMap<Mac, PeerId>;
  readonly controls: ReadonlyMap<Ipv4, PeerId>;
}

function firstsOf(known: ReadonlyMap<PeerId, Known>, peers: readonly PeerId[]): Firsts {
  const names = new Map<Mac, PeerId>();
  const controls = new Map<Ipv4, PeerId>();
  const stampOf = (peer: PeerId): number => known.get(peer)?.stamp ?? 0;
  for (const peer of [...peers].sort((a, b) => stampOf(a) - stampOf(b) || compare(a, b))) {
    const host = known.get(peer)?.host;
    if (host === undefined) continue;
    if (!names.has(host.name)) names.set(host.name, peer);
    if (!controls.has(host.control)) controls.set(host.control, peer);
  }
  return { names, controls };
}

/**
 * By what those say that are reached themselves: a router that is gone can't take back what it said, so its
 * own claims lead nowhere.
 */
function reachable(known: ReadonlyMap<PeerId, Known>, from: PeerId): ReadonlySet<PeerId> {
  const seen = new Set<PeerId>([from]);
  for (const peer of seen) for (const other of known.get(peer)?.connections.keys() ?? []) seen.add(other);
  return seen;
}
