import type { DormantReport, EndpointReport, Report } from '../../src/core/report.ts';
import { conflictsOf, renderConflict } from './conflicts.ts';
import { renderLabel, shortId } from './label.ts';
import { renderTable } from './table.ts';

/**
 * One address a line: network, address, MAC, container, host; then what this host has that is not reachable now, and what
 * is contested.
 */
export function renderEndpoints(report: Report): string {
  const rows = [...report.endpoints.map(endpointRow), ...report.dormant.flatMap(dormantRows)];
  return [...(rows.length === 0 ? [] : [renderTable(rows)]), ...conflictsOf(report).map(renderConflict)].join(
    '\n',
  );
}

function endpointRow(endpoint: EndpointReport): string[] {
  const { conflict } = endpoint;
  const held =
    conflict === undefined
      ? []
      : [`conflict: held by ${conflict.containerName} on ${renderLabel(conflict.host)}`];
  return [
    endpoint.network,
    `${endpoint.address}/${endpoint.prefix}`,
    endpoint.mac,
    nameOf(endpoint),
    [renderLabel(endpoint.host), ...held].join(' '),
  ];
}

function dormantRows(dormant: DormantReport): string[][] {
  return dormant.addresses.map(address => [
    dormant.network,
    address,
    '-',
    nameOf(dormant),
    `dormant: ${dormant.why}`,
  ]);
}

/** Its name, or the beginning of its id where it has none. */
export function nameOf({ container, containerName }: { container: string; containerName: string }): string {
  return containerName === '' ? shortId(container) : containerName;
}
