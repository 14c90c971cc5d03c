import type { RemovedPeer, RemovePeerReply, RemovePeerRequest } from '../api/control/contract.ts';
import type { PeerId } from '../core/address.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import type { Command, Reply } from '../core/host/step.ts';
import type { PeerLabel, Report } from '../core/report.ts';

interface Parts {
  ask(command: Command): Promise<Result<Reply>>;
  report(): Report;
}

/** `mesh rmpeer`: says of each peer that it is gone, and tells what becomes of its space. */
export async function removePeers(
  { ask, report }: Parts,
  { peers: names, force = false }: RemovePeerRequest,
): Promise<Result<RemovePeerReply>> {
  const known = labels(report());
  const found = names.map(name => find(known, name));
  const wrong = found.find(peer => !peer.ok);
  if (wrong !== undefined && !wrong.ok) return wrong;
  const removed: RemovedPeer[] = [];
  for (const peer of found.flatMap(result => (result.ok ? [result.value] : []))) {
    const reply = await ask({ kind: 'remove-peer', peer: peer.id, force });
    if (!reply.ok) return reply;
    const { addresses = 0, heir, waitsFor = [] } = reply.value.removed ?? {};
    const label = (id: PeerId): PeerLabel =>
      known.find(one => one.id === id) ?? { id, name: peer.name, nickname: id };
    removed.push({ peer, addresses, heir: heir && label(heir), waitsFor: waitsFor.map(label) });
  }
  return ok({ removed });
}

/** All that anything is known of: one may have been removed before, on another host. */
function labels({ peers, removed, ipam }: Report): readonly PeerLabel[] {
  const all = [...peers, ...removed, ...(ipam?.shares ?? []).map(({ peer }) => peer)];
  return [...new Map(all.map(({ id, name, nickname }) => [id, { id, name, nickname }])).values()];
}

function find(known: readonly PeerLabel[], name: string): Result<PeerLabel> {
  const exact = known.find(({ id, name: own }) => id === name || own === name);
  const nicknamed = known.filter(({ nickname }) => nickname === name);
  const peer = exact ?? (nicknamed.length === 1 ? nicknamed[0] : undefined);
  return peer === undefined ? refuse({ code: 'peer-unknown', peer: name }) : ok(peer);
}
