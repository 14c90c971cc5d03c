import type { WeaveIpam, WeaveReport, WeaveRouter, WeaveState } from './shape.ts';

const LABEL_WIDTH = 15;
const STATES: readonly WeaveState[] = ['established', 'pending', 'retrying', 'failed', 'connecting'];

type Lines = readonly (readonly [label: string, value: string])[];

/** `/status`: sections with their labels right-aligned and an empty line between them; none for a service that is off. */
export function statusText(report: WeaveReport): string {
  const { DNS, IPAM, Plugin, Router, Version } = report;
  const sections: readonly Lines[] = [
    [['Version', `${Version} (version check update disabled)`]],
    routerLines(Router),
    IPAM === undefined ? [] : ipamLines(IPAM),
    DNS === undefined
      ? []
      : [
          ['Service', 'dns'],
          ['Domain', DNS.Domain],
          ['Upstream', listed(DNS.Upstream)],
          ['TTL', `${DNS.TTL}`],
          ['Entries', `${DNS.Entries.filter(({ Tombstone }) => Tombstone === 0).length}`],
        ],
    report.Proxy === undefined
      ? []
      : [
          ['Service', 'proxy'],
          ['Address', listed(report.Proxy.Addresses)],
        ],
    Plugin === undefined
      ? []
      : [
          ['Service', 'plugin (legacy)'],
          ['DriverName', Plugin.DriverName],
        ],
  ];
  return sections
    .filter(lines => lines.length > 0)
    .map(lines => lines.map(([label, value]) => `${label.padStart(LABEL_WIDTH)}: ${value}\n`).join(''))
    .join('\n');
}

function routerLines(router: WeaveRouter): Lines {
  const { Connections, Peers, ProtocolMaxVersion: newest, ProtocolMinVersion: oldest } = router;
  const states = counted(
    STATES,
    Connections.map(({ State }) => State),
  );
  const links = Peers.flatMap(peer => peer.Connections).map(({ Established }) =>
    Established ? 'established' : 'pending',
  );
  const linked = counted(['established', 'pending'], links);
  return [
    ['Service', 'router'],
    ['Protocol', `${router.Protocol} ${oldest === newest ? newest : `${oldest}..${newest}`}`],
    ['Name', `${router.Name}(${router.NickName})`],
    ['Encryption', router.Encryption ? 'enabled' : 'disabled'],
    ['PeerDiscovery', router.PeerDiscovery ? 'enabled' : 'disabled'],
    ['Targets', `${router.Targets.length}`],
    ['Connections', `${Connections.length}${states === '' ? '' : ` (${states})`}`],
    ['Peers', `${Peers.length}${linked === '' ? '' : ` (with ${linked} connections)`}`],
    ['TrustedSubnets', listed(router.TrustedSubnets)],
  ];
}

const ipamLines = (ipam: WeaveIpam): Lines => [
  ['Service', 'ipam'],
  ['Status', ipamState(ipam)],
  ['Range', ipam.Range],
  ['DefaultSubnet', ipam.DefaultSubnet],
];

function ipamState({ Entries, Paxos, PendingAllocates }: WeaveIpam): string {
  if (Entries.length > 0) {
    if (Entries.every(({ IsKnownPeer, Size }) => Size === 0 || !IsKnownPeer))
      return "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead";
    return PendingAllocates.length > 0 ? 'waiting for IP(s) to become available' : 'ready';
  }
  if (Paxos === undefined) return 'idle';
  const { Elector, KnownNodes, Quorum } = Paxos;
  return Elector ? `awaiting consensus (quorum: ${Quorum}, known: ${KnownNodes})` : 'priming';
}

/** Like `2 established, 1 failed`; of what there is. */
function counted(kinds: readonly string[], all: readonly string[]): string {
  return kinds
    .map(kind => [all.filter(each => each === kind).length, kind] as const)
    .filter(([count]) => count > 0)
    .map(([count, kind]) => `${count} ${kind}`)
    .join(', ');
}

const listed = (texts: readonly string[]): string => texts.join(', ') || 'none';
