import { describe } from '../../src/core/errors.ts';
import type { ConnectionReport, PathReport, Report } from '../../src/core/report.ts';
import { renderArrow, renderLabel } from './label.ts';

/**
 * One connection a line: `<- 192.168.48.12:42459   established fastdp e2:7e:49:7e:0f:1b(host2) mtu=1450 rtt=0.2ms`. Then
 * those peers that there is no connection with, where frames don't simply go straight.
 */
export function renderConnections(report: Report): string {
  const paths = new Map(report.paths.map(path => [path.peer.id, path]));
  const lines = report.connections.map(connection =>
    renderConnection(connection, connection.peer && paths.get(connection.peer.id)),
  );
  const met = new Set(report.connections.map(({ peer }) => peer?.id));
  const others = report.paths.filter(({ path, peer }) => path !== 'fastdp' && !met.has(peer.id));
  return [...lines, ...others.map(path => `${' '.repeat(25)}unconnected ${renderPath(path)}`)].join('\n');
}

function renderConnection(connection: ConnectionReport, path: PathReport | undefined): string {
  const head = `${renderArrow(connection)} ${connection.address.padEnd(21)} ${connection.state.padEnd(11)}`;
  return `${head} ${renderInfo(connection, path)}`.trimEnd();
}

/** Where frames go and how, or why they don't. */
function renderInfo(connection: ConnectionReport, path: PathReport | undefined): string {
  const { peer, problem, state } = connection;
  const label = peer === undefined ? [] : [renderLabel(peer)];
  if (problem !== undefined) {
    const by = path?.path === 'relay' ? [renderPath(path)] : label;
    return [...by, `${describe(problem)}; ${renderRetry(connection)}`].join(' ');
  }
  if (peer === undefined) return connection.retryInMs === undefined ? '' : renderRetry(connection);
  if (state === 'pending' && path?.why === undefined) return `${renderLabel(peer)} measuring the path`;
  return path === undefined ? ['none  ', ...label].join(' ') : renderPath(path);
}

/** `relay  e2:7e:49:7e:0f:1b(host2) mtu=1450 rtt=0.2ms loss=1% via 0a:...(host3): the direct way does not answer`. */
function renderPath({ loss, mtu, path, peer, protection, relay, rttMs, why }: PathReport): string {
  const by = relay === undefined ? [] : [`via ${renderLabel(relay)}`];
  const reason = why === undefined ? [] : [`(${why})`];
  return [
    (path ?? 'none').padEnd(6),
    renderLabel(peer),
    ...(protection === undefined || protection === 'refused' ? [] : [protection]),
    ...(mtu === undefined ? [] : [`mtu=${mtu}`]),
    ...(rttMs === undefined ? [] : [`rtt=${rttMs.toFixed(1)}ms`]),
    ...(loss < 0.005 ? [] : [`loss=${Math.round(loss * 100)}%`]),
    ...by,
    ...reason,
  ].join(' ');
}

function renderRetry({ retryInMs }: ConnectionReport): string {
  return retryInMs === undefined ? 'no retry' : `retry in ${Math.ceil(retryInMs / 1000)}s`;
}
