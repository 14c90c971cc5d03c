import { compare } from '../../core/address.ts';
import type { PeerReport, Report } from '../../core/report.ts';
import { connectionsOf } from './connections.ts';
import type { Known } from './known.ts';
import { NEVER, type WeavePeer, type WeaveRouter } from './shape.ts';

export function routerOf(known: Known): WeaveRouter {
  const { report, terminations = 0, trustedSubnets } = known;
  const port = Number(report.listen.split(':').at(-1));
  return {
    Protocol: 'mesh',
    ProtocolMinVersion: report.protocol,
    ProtocolMaxVersion: report.protocol,
    Encryption: report.password,
    PeerDiscovery: report.discovery,
    Name: report.self.name,
    NickName: report.self.nickname,
    Port: port,
    // Weave forgets a peer that it can't reach.
    Peers: report.peers.filter(({ reachable }) => reachable).map(peerOf),
    UnicastRoutes: routesOf(report),
    BroadcastRoutes: [],
    Connections: connectionsOf(known),
    TerminationCount: terminations,
    Targets: report.targets.map(target => asGiven(target, port)).toSorted(compare),
    OverlayDiagnostics: { fastdp: { Vports: [], Flows: [] }, sleeve: null },
    TrustedSubnets: trustedSubnets,
    Interface: '',
    CaptureStats: Object.create(null),
    MACs: macsOf(report),
  };
}

/** Without the port that a peer has where none is given. */
function asGiven(target: string, port: number): string {
  const suffix = `:${port}`;
  return target.endsWith(suffix) ? target.slice(0, -suffix.length) : target;
}

function peerOf({ connections, name, nickname }: PeerReport): WeavePeer {
  return {
    Name: name,
    NickName: nickname,
    UID: 0,
    ShortID: 0,
    Version: 0,
    Connections: connections.map(({ address, established, outbound, peer }) => ({
      Name: peer.name,
      NickName: peer.nickname,
      Address: address,
      Outbound: outbound,
      Established: established,
    })),
  };
}

const routesOf = ({ paths }: Report): WeaveRouter['UnicastRoutes'] =>
  paths
    .filter(({ path }) => path !== undefined)
    .map(({ peer, relay }) => ({ Dest: peer.name, Via: (relay ?? peer).name }));

const macsOf = ({ endpoints }: Report): WeaveRouter['MACs'] =>
  endpoints
    .filter(({ conflict }) => conflict === undefined)
    .map(({ host, mac }) => ({ Mac: mac, Name: host.name, NickName: host.nickname, LastSeen: NEVER }));
