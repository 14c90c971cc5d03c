import type { DataplaneReport } from '../../src/api/control/contract.ts';
import { compare, formatCidr, type Vtep } from '../../src/core/address.ts';
import type { NetworkForwarding } from '../../src/core/forwarding.ts';
import { renderTable } from './table.ts';

/** What the kernel holds: who may send, each network with its stations and flood list, attachments, counters. */
export function renderDataplane({ inspection, counters }: DataplaneReport): string {
  const { forwarding, attachments } = inspection;
  const attached = attachments
    .map(({ network, container, mac }) => ['attached', network, mac, container])
    .sort((a, b) => compare(a.join(), b.join()));
  const counted = Object.entries(counters)
    .sort(([a], [b]) => compare(a, b))
    .map(([name, value]) => ['counter', name, `${value}`]);
  return [
    `peers ${forwarding.peers.join(' ') || 'none'}`,
    ...forwarding.networks.map(renderNetwork),
    ...[attached, counted].filter(rows => rows.length > 0).map(renderTable),
  ].join('\n');
}

function renderNetwork(network: NetworkForwarding): string {
  const own = network.own === undefined ? '' : ` own ${formatCidr(network.own.address)} ${network.own.mac}`;
  const service = (network.service?.addresses ?? []).map(
    address => ` service ${formatCidr(address)} ${network.service?.mac}`,
  );
  const stations = network.stations.map(
    ({ address, mac, vtep }) => `  ${address} ${mac} via ${renderVtep(vtep)}`,
  );
  return [
    `network ${network.name} vni ${network.vni} mtu ${network.mtu}${own}${service.join('')}`,
    ...stations,
    `  flood ${network.flood.map(renderVtep).join(' ') || 'none'}`,
  ].join('\n');
}

function renderVtep({ address, port }: Vtep): string {
  return `${address}:${port}`;
}
