import { describe } from '../../core/errors.ts';
import type { ConnectionReport, ConnectionState, PathReport } from '../../core/report.ts';
import type { Known } from './known.ts';
import type { Attributes, WeaveConnection, WeaveState } from './shape.ts';

/**
 * In Weave's words a connection that waits for another attempt has `failed`, and one that is being attempted once more is
 * `retrying`. One that was silent for long is no longer established.
 */
const STATES: { readonly [State in ConnectionState]: WeaveState } = {
  connecting: 'connecting',
  retrying: 'failed',
  failed: 'failed',
  pending: 'pending',
  established: 'established',
  suspect: 'established',
  down: 'pending',
};

export function connectionsOf({ now, report }: Known): readonly WeaveConnection[] {
  const paths = new Map(report.paths.map(path => [path.peer.id, path]));
  return report.connections.map(connection => {
    const { address: Address, outbound: Outbound, peer, problem } = connection;
    const isUp = ['pending', 'established', 'suspect', 'down'].includes(connection.state);
    const path = isUp && peer ? paths.get(peer.id) : undefined;
    const isAgain = connection.state === 'connecting' && problem !== undefined;
    return {
      Address,
      Outbound,
      State: isAgain ? 'retrying' : STATES[connection.state],
      Info: isUp ? upInfo(connection, path) : downInfo(connection, now),
      Attrs: isUp ? attributes(connection, path) : Object.create(null),
    };
  });
}

/** `encrypted   fastdp e2:7e:49:7e:0f:1b(host2)`; the first word only where the mesh has a password. */
function upInfo({ peer }: ConnectionReport, path: PathReport | undefined): string {
  const label = peer === undefined ? '' : `${peer.name}(${peer.nickname})`;
  const word = path?.protection === 'trusted' ? 'unencrypted' : path?.protection;
  const protection = word === undefined || word === 'refused' ? '' : `${word.padEnd(11)} `;
  return `${protection}${(wayOf(path) ?? 'none').padEnd(6)} ${label}`;
}

function downInfo({ problem, retryInMs, state }: ConnectionReport, now: number): string {
  const what = problem === undefined ? '' : describe(problem);
  if (state === 'connecting') return what;
  const until = retryInMs === undefined ? 'never' : goTime(now + retryInMs);
  return `${what === '' ? '' : `${what}, `}retry: ${until}`;
}

/** In the order of their names, as Go goes through them. */
function attributes({ mtu }: ConnectionReport, path: PathReport | undefined): Attributes {
  const way = wayOf(path);
  return Object.assign(Object.create(null), {
    ...(path?.protection === 'encrypted' && { encrypted: true }),
    ...(mtu !== undefined && { mtu }),
    ...(way !== undefined && { name: way }),
  });
}

/** What a third host sends on, its kernel does. Where frames are not sent there is no way. */
function wayOf(path: PathReport | undefined): 'fastdp' | 'sleeve' | undefined {
  if (path?.path === undefined || path.protection === 'refused') return undefined;
  return path.path === 'sleeve' ? 'sleeve' : 'fastdp';
}

/** Like `2026-01-31 12:00:00.25 +0000 UTC`. */
const goTime = (ms: number): string =>
  new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.?0*Z$/, ' +0000 UTC');
