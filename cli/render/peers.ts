import type { PeerReport, Report } from '../../src/core/report.ts';
import { renderArrow, renderLabel } from './label.ts';

/** Each router, and below it what it is connected with, in the layout of `weave status peers`. */
export function renderPeers(report: Report): string {
  return report.peers.map(renderPeer).join('\n');
}

/** A router that is gone is not a host that is gone: its containers may well be reachable. */
function renderAbsence({ alive }: PeerReport): string {
  return alive === true ? 'router unreachable, host answers' : 'unreachable';
}

function renderPeer(peer: PeerReport): string {
  const head = [renderLabel(peer), ...(peer.reachable ? [] : [renderAbsence(peer)])].join(' ');
  const lines = peer.connections.map(connection => {
    const state = connection.established ? 'established' : 'pending';
    const other = renderLabel(connection.peer).padEnd(37);
    return `   ${renderArrow(connection)} ${connection.address.padEnd(21)} ${other} ${state}`;
  });
  return [head, ...lines].join('\n');
}
