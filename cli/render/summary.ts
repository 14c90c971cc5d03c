import type { DnsReport } from '../../src/api/control/contract.ts';
import type { ConnectionState, IpamReport, NetworkReport, Report } from '../../src/core/report.ts';
import { ipamState } from './ipam.ts';
import { renderLabel } from './label.ts';

const LABEL_WIDTH = 15;
const STATES: readonly ConnectionState[] = [
  'established',
  'suspect',
  'down',
  'pending',
  'retrying',
  'failed',
  'connecting',
];

type Lines = readonly (readonly [label: string, value: string])[];

/** Sections of `label: value` with the labels right-aligned, as `weave status` has them. */
export function renderSummary(report: Report, dns: DnsReport | undefined): string {
  const sections = [
    [['Version', report.version] as const],
    routerLines(report),
    ...report.networks.map(networkLines),
    ...(report.ipam === undefined ? [] : [ipamLines(report.ipam)]),
    ...(dns?.server === undefined ? [] : [dnsLines(report, dns, dns.server)]),
  ];
  return `\n${sections.map(renderSection).join('\n\n')}\n`;
}

function renderSection(lines: Lines): string {
  return lines.map(([label, value]) => `${label.padStart(LABEL_WIDTH)}: ${value}`).join('\n');
}

function routerLines(report: Report): Lines {
  const links = report.peers.flatMap(peer => peer.connections);
  const established = links.filter(link => link.established).length;
  return [
    ['Service', 'router'],
    ['Protocol', `mesh ${report.protocol}`],
    ['Name', renderLabel(report.self)],
    ['Status', report.state],
    ['Listening', report.listen],
    ['DataPath', report.data],
    ['Password', report.password ? 'required' : 'none'],
    ['PeerDiscovery', report.discovery ? 'enabled' : 'disabled'],
    ['Targets', `${report.targets.length}`],
    ['Connections', countStates(report)],
    [
      'Peers',
      `${report.peers.length} (with ${established} established, ${links.length - established} pending connections)`,
    ],
  ];
}

function countStates({ connections }: Report): string {
  const counts = STATES.map(
    state => [connections.filter(each => each.state === state).length, state] as const,
  );
  const shown = counts.filter(([count]) => count > 0).map(([count, state]) => `${count} ${state}`);
  return shown.length === 0 ? '0' : `${connections.length} (${shown.join(', ')})`;
}

function networkLines(network: NetworkReport): Lines {
  return [
    ['Service', 'network'],
    ['Network', network.name],
    ['VNI', `${network.vni}`],
    ['Subnets', network.subnets.join(', ') || 'none'],
    ...(network.exposed.length === 0 ? [] : [['Exposed', network.exposed.join(', ')] as const]),
    ['MTU', `${network.mtu}`],
    ['Endpoints', `${network.endpoints}`],
  ];
}

/** A warning for each peer that can't exchange addresses with this host: `status ipam` says why. */
function ipamLines(ipam: IpamReport): Lines {
  return [
    ['Service', 'ipam'],
    ['Status', ipamState(ipam)],
    ['Range', ipam.universe],
    ['DefaultSubnet', ipam.defaultSubnet],
    ...ipam.strangers.map(
      ({ peer }) => ['Warning', `${renderLabel(peer)} has another division; see "mesh status ipam"`] as const,
    ),
  ];
}

function dnsLines(
  { names }: Report,
  { ttl, zone }: DnsReport,
  { listening, trouble, upstreams }: NonNullable<DnsReport['server']>,
): Lines {
  return [
    ['Service', 'dns'],
    ['Domain', zone],
    ['Listening', listening.map(({ address, port }) => `${address}:${port}`).join(', ') || 'nowhere'],
    ...(trouble === undefined ? [] : [['Warning', trouble] as const]),
    ['Upstream', upstreams.map(({ address }) => address).join(', ') || 'none'],
    ['TTL', `${ttl}`],
    ['Entries', `${names.length}`],
  ];
}
