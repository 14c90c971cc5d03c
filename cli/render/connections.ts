import { describe } from '../../src/core/errors.ts';
import type { ConnectionReport, Report } from '../../src/core/report.ts';
import { renderArrow, renderLabel } from './label.ts';

/** One connection a line: `<- 192.168.48.12:42459   established fastdp e2:7e:49:7e:0f:1b(host2) mtu=1450`. */
export function renderConnections(report: Report): string {
  return report.connections.map(renderConnection).join('\n');
}

function renderConnection(connection: ConnectionReport): string {
  const head = `${renderArrow(connection)} ${connection.address.padEnd(21)} ${connection.state.padEnd(11)}`;
  return `${head} ${renderInfo(connection)}`.trimEnd();
}

/** Where frames go and how, or why they don't. */
function renderInfo(connection: ConnectionReport): string {
  const { peer, path, mtu, problem, state } = connection;
  const label = peer === undefined ? [] : [renderLabel(peer)];
  if (problem !== undefined) return [...label, `${describe(problem)}; ${renderRetry(connection)}`].join(' ');
  if (peer === undefined) return connection.retryInMs === undefined ? '' : renderRetry(connection);
  if (state === 'pending') return `${renderLabel(peer)} measuring the path`;
  const size = mtu === undefined ? [] : [`mtu=${mtu}`];
  return [(path ?? 'none').padEnd(6), ...label, ...size].join(' ');
}

function renderRetry({ retryInMs }: ConnectionReport): string {
  return retryInMs === undefined ? 'no retry' : `retry in ${Math.ceil(retryInMs / 1000)}s`;
}
