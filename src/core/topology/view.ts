import type { Ipv4, Mac, PeerId } from '../address.ts';
import type { Change } from '../replica.ts';
import { Sorted } from '../sorted.ts';
import { Claimants } from './claimants.ts';
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
  readonly connections: Map<PeerId, ConnectionFact>;
}

const NO_CONNECTIONS: ReadonlyMap<PeerId, ConnectionFact> = new Map();

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
}

export function createTopologyView(): TopologyView {
  const known = new Map<PeerId, Known>();
  const peers = new Sorted<PeerId, PeerId>();
  let reached: { readonly from: PeerId; readonly peers: ReadonlySet<PeerId> } | undefined;
  const names = new Claimants<Mac>();
  const controls = new Claimants<Ipv4>();
  const addresses = new Claimants<string>();

  function located(owner: PeerId, entry: Known, now: Change['now']): void {
    const { host: before } = entry;
    if (before !== undefined) {
      names.remove(before.name, owner);
      controls.remove(before.control, owner);
      for (const address of before.addresses) addresses.remove(address, owner);
    }
    const host = now?.value === undefined ? undefined : decodeHost(now.value);
    entry.host = host;
    if (host === undefined) return peers.delete(owner);
    if (before === undefined) peers.set(owner, owner);
    const stamp = now?.stamp ?? 0;
    names.add(host.name, owner, stamp);
    controls.add(host.control, owner, stamp);
    // Who says that it can be dialled there: that may be several, and it was never a thing to be first in.
    for (const address of new Set(host.addresses)) addresses.add(address, owner, 0);
  }

  function update({ owner, domain, key, now }: Change): void {
    if (domain !== TOPOLOGY) return;
    const entry = known.get(owner) ?? { host: undefined, connections: new Map() };
    const peer = connectionPeer(key);
    if (key === HOST_KEY) located(owner, entry, now);
    else if (peer !== undefined) {
      reached = undefined;
      const fact = now?.value === undefined ? undefined : decodeConnection(now.value);
      if (fact === undefined) entry.connections.delete(peer);
      else entry.connections.set(peer, fact);
    }
    if (entry.host === undefined && entry.connections.size === 0) known.delete(owner);
    else known.set(owner, entry);
  }

  return {
    update,
    peers: () => peers.values(),
    host: peer => known.get(peer)?.host,
    connections: peer => known.get(peer)?.connections ?? NO_CONNECTIONS,
    at: address => addresses.first(address),
    reachable(from) {
      if (reached?.from !== from) reached = { from, peers: reachable(known, from) };
      return reached.peers;
    },
    named: name => names.first(name),
    controlling: control => controls.first(control),
  };
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
