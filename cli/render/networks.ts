import type { EndpointReport, NetworkReport } from '../../src/core/report.ts';
import { nameOf } from './endpoints.ts';
import { renderLabel } from './label.ts';
import { renderTable } from './table.ts';

/** One network a line: name, subnets, VNI, MTU, how many are on it. */
export function renderNetworks(networks: readonly NetworkReport[]): string {
  return renderTable(
    networks.map(({ name, subnets, vni, mtu, endpoints, encrypted, internal }) => [
      name,
      subnets.join(',') || '-',
      `vni=${vni}`,
      `mtu=${mtu}`,
      `${endpoints} ${endpoints === 1 ? 'endpoint' : 'endpoints'}${internal ? ', internal' : ''}${encrypted ? ', encrypted' : ''}`,
    ]),
  );
}

/** What it is like, then one member a line: address, MAC, container, host. */
export function renderNetwork(network: NetworkReport, members: readonly EndpointReport[]): string {
  const { aux, gateway, labels, range } = network;
  const pairs = (texts: Readonly<Record<string, string>>): string =>
    Object.entries(texts)
      .map(([key, value]) => `${key}=${value}`)
      .join(' ');
  const facts: [string, string | undefined][] = [
    ['network', network.name],
    ['subnets', network.subnets.join(' ')],
    ['range', range],
    ['gateway', gateway],
    ['kept back', pairs(aux)],
    ['vni', `${network.vni}`],
    ['mtu', `${network.mtu}`],
    ['internal', network.internal ? 'yes' : undefined],
    ['encrypted', network.encrypted ? 'yes' : undefined],
    ['labels', pairs(labels)],
    ['id', network.id],
  ];
  const lines = facts.filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '');
  const rows = members.map(member => [
    `${member.address}/${member.prefix}`,
    member.mac,
    nameOf(member),
    renderLabel(member.host),
  ]);
  return [renderTable(lines), ...(rows.length === 0 ? [] : ['', renderTable(rows)])].join('\n');
}
