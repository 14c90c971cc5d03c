import { compare, formatCidr, type PeerId } from '../address.ts';
import { HOST_LEG } from '../endpoints/attachment.ts';
import { describe } from '../errors.ts';
import { mtuOn } from '../networks/network.ts';
import type { Path } from '../paths/path.ts';
import type {
  ConnectionReport,
  ConnectionState,
  DormantReport,
  EndpointReport,
  NetworkReport,
  PathKind,
  PathReport,
  PeerLabel,
  PeerReport,
  Report,
} from '../report.ts';
import { decodeHost, HOST_KEY, type HostFact, TOPOLOGY } from '../topology/facts.ts';
import { PROTOCOL_VERSION } from '../wire.ts';
import type { Attachments } from './attachments.ts';
import type { Context } from './context.ts';
import type { Attempt, Dialling } from './dialling.ts';
import type { Expulsion } from './expulsion.ts';
import { ipamReport } from './ipam-report.ts';
import type { Neighbour, Neighbours } from './neighbours.ts';
import type { Paths } from './paths.ts';
import { defaultName } from './peer-name.ts';

export interface Parts {
  readonly neighbours: Neighbours;
  readonly dialling: Dialling;
  readonly paths: Paths;
  readonly attachments: Attachments;
  readonly expulsion: Expulsion;
}

export function reportOf(context: Context, parts: Parts, state: Report['state']): Report {
  const { config, topology } = context;
  const label = (peer: PeerId): PeerLabel => {
    const host = topology.host(peer) ?? lastKnown(context, peer);
    return { id: peer, name: host?.name ?? defaultName(context, peer), nickname: host?.nickname ?? '' };
  };
  const self = {
    id: config.self,
    name: config.name ?? defaultName(context, config.self),
    nickname: config.nickname,
  };
  return {
    version: config.version,
    protocol: PROTOCOL_VERSION,
    state,
    self,
    listen: config.listen,
    data: `${config.vtep.address}:${config.vtep.port}`,
    password: config.password,
    discovery: config.discovery,
    targets: parts.dialling.targets(),
    connections: connectionReports(context, parts, label),
    paths: pathReports(context, parts.paths, label),
    peers: peerReports(context, parts.paths, label),
    removed: context.removals.peers().map(label),
    networks: networkReports(context),
    endpoints: endpointReports(context, label),
    dormant: dormantReports(parts.attachments),
    zone: config.zone,
    names: context.names.all().map(({ owner, ...rest }) => ({ ...rest, host: label(owner) })),
    ipam: ipamReport(context, parts, label),
  };
}

/** What a peer that was removed said of its host before. */
function lastKnown({ replica }: Context, peer: PeerId): HostFact | undefined {
  const value = replica.get(peer, TOPOLOGY, HOST_KEY)?.value;
  return value && decodeHost(value);
}

export type Label = (peer: PeerId) => PeerLabel;

function connectionReports(context: Context, parts: Parts, label: Label): readonly ConnectionReport[] {
  const { dialling, neighbours } = parts;
  const up = [...neighbours.all()].map(neighbour => established(parts, neighbour, label));
  const met = new Set([...neighbours.all()].map(neighbour => neighbour.peer));
  const down = [...dialling.attempts()].flatMap(attempt => {
    const peer = attempt.peer ?? context.topology.at(attempt.address);
    if (peer !== undefined && met.has(peer)) return [];
    const report = attempted(context, attempt, peer && label(peer));
    if (peer !== context.config.self) return [report];
    const problem = { code: 'peer-is-self', peer: attempt.address } as const;
    return [{ ...report, state: 'failed' as const, problem, retryInMs: undefined }];
  });
  return [...up, ...down].sort((a, b) => compare(a.address, b.address));
}

function established({ neighbours, paths }: Parts, neighbour: Neighbour, label: Label): ConnectionReport {
  const path = paths.get(neighbour.peer);
  const state = path?.mtu === undefined ? 'pending' : 'established';
  return {
    address: neighbour.address,
    outbound: neighbour.outbound,
    state: neighbours.silent(neighbour) ?? state,
    peer: label(neighbour.peer),
    path: kindOf(path),
    mtu: path?.mtu,
    rttMs: path?.rttMs,
    problem: undefined,
    retryInMs: undefined,
  };
}

const kindOf = (path: Path | undefined): PathKind | undefined => {
  if (path?.mtu === undefined) return undefined;
  if (path.isSleeve) return 'sleeve';
  return path.relay === undefined ? 'fastdp' : 'relay';
};

function pathReports({ config, topology }: Context, paths: Paths, label: Label): readonly PathReport[] {
  const reports = topology.peers().flatMap((peer): readonly PathReport[] => {
    const path = peer === config.self ? undefined : paths.get(peer);
    if (path === undefined) return [];
    const { relay, protection, loss, mtu, rttMs, why } = path;
    return [
      {
        peer: label(peer),
        path: kindOf(path),
        relay: relay && label(relay),
        mtu,
        rttMs,
        loss,
        why,
        protection,
      },
    ];
  });
  return reports.sort((a, b) => compare(a.peer.name, b.peer.name));
}

function attempted(context: Context, attempt: Attempt, peer: PeerLabel | undefined): ConnectionReport {
  const wait = Math.max(0, attempt.notBefore - context.now());
  const never = !Number.isFinite(wait);
  const state: ConnectionState = attempt.dialling ? 'connecting' : never ? 'failed' : 'retrying';
  return {
    address: attempt.address,
    outbound: true,
    state,
    peer,
    path: undefined,
    mtu: undefined,
    rttMs: undefined,
    problem: attempt.problem,
    retryInMs: attempt.dialling || never ? undefined : Math.round(wait),
  };
}

function peerReports({ config, topology }: Context, paths: Paths, label: Label): readonly PeerReport[] {
  const reached = topology.reachable(config.self);
  const reports = topology.peers().map(peer => ({
    ...label(peer),
    version: topology.host(peer)?.version ?? '',
    addresses: topology.host(peer)?.addresses ?? [],
    reachable: reached.has(peer),
    alive: peer === config.self || paths.alive(peer),
    // What a router that is gone said of its connections is past.
    connections: [...(reached.has(peer) ? topology.connections(peer) : [])]
      .map(([other, fact]) => ({ ...fact, peer: label(other) }))
      .sort((a, b) => compare(a.address, b.address)),
  }));
  const rank = (report: PeerReport): string => (report.id === config.self ? '' : report.name);
  return reports.sort((a, b) => compare(rank(a), rank(b)));
}

function endpointReports({ endpoints }: Context, label: Label): readonly EndpointReport[] {
  const reports: EndpointReport[] = [];
  for (const claims of endpoints.all()) {
    const [holder] = claims;
    for (const claim of claims) {
      const conflict =
        holder === undefined || claim === holder
          ? undefined
          : { containerName: holder.endpoint.containerName, host: label(holder.owner) };
      reports.push({ ...claim.endpoint, host: label(claim.owner), conflict });
    }
  }
  return reports.sort(
    (a, b) => compare(a.network, b.network) || compare(a.address, b.address) || (a.conflict ? 1 : -1),
  );
}

function networkReports(context: Context): readonly NetworkReport[] {
  const counts = new Map<string, number>();
  for (const [holder] of context.endpoints.all()) {
    if (holder !== undefined)
      counts.set(holder.endpoint.network, (counts.get(holder.endpoint.network) ?? 0) + 1);
  }
  return context.networks.all().map(network => ({
    name: network.name,
    id: network.id,
    vni: network.vni,
    subnets: network.subnets.map(formatCidr),
    range: network.range && formatCidr(network.range),
    gateway: network.gateway,
    aux: network.aux ?? {},
    internal: network.internal ?? false,
    encrypted: network.encrypted ?? false,
    labels: network.labels ?? {},
    exposed: exposedOn(context, network.name),
    mtu: mtuOn(network, context.mtu()),
    endpoints: counts.get(network.name) ?? 0,
  }));
}

/** Where the host itself is one of the network. */
function exposedOn({ config, endpoints }: Context, network: string): readonly string[] {
  const exposed: string[] = [];
  for (const [holder] of endpoints.all()) {
    const isOurs = holder?.owner === config.self && holder.endpoint.container === HOST_LEG;
    if (isOurs && holder.endpoint.network === network) exposed.push(formatCidr(holder.endpoint));
  }
  return exposed.sort(compare);
}

function dormantReports(attachments: Attachments): readonly DormantReport[] {
  return attachments.dormant().map(({ held, addresses, why }) => ({
    container: held.container,
    containerName: held.containerName,
    network: held.network,
    addresses: addresses.map(formatCidr),
    why: why === undefined ? 'its container is not running' : describe(why),
  }));
}
