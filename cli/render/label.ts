import type { PeerLabel } from '../../src/core/report.ts';

/** `e2:7e:49:7e:0f:1b(host2)`, as Weave writes a peer; without a nickname while it has not told of itself. */
export function renderLabel(peer: PeerLabel): string {
  return peer.nickname === '' ? peer.name : `${peer.name}(${peer.nickname})`;
}

/** `->` for a connection that was dialled from here, `<-` for one that was accepted. */
export function renderArrow(connection: { readonly outbound: boolean }): string {
  return connection.outbound ? '->' : '<-';
}

/** Of a container: as much as engines show. */
export const shortId = (id: string): string => id.slice(0, 12);
