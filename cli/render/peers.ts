import type { PeerReport, Report } from '../../src/core/report.ts';
import { renderArrow, renderLabel } from './label.ts';

/** Each router, and below it what it is connected with, in the layout of `weave status peers`. */
export function renderPeers(report: Report): string {
  return report.peers.map(renderPeer).join('\n');
}

function renderPeer(peer: PeerReport): string {
  const head = peer.reachable ? renderLabel(peer) : `${renderLabel(peer)} unreachable`;
  const lines = peer.connections.map(connection => {
    const state = connection.established ? 'established' : 'pending';
    const other = renderLabel(connection.peer).padEnd(37);
    return `   ${renderArrow(connection)} ${connection.address.padEnd(21)} ${other} ${state}`;
  });
  return [head, ...lines].join('\n');
}
