import { compare, formatCidr, type Mac } from '../address.ts';
import { totalOf } from '../range.ts';
import type { IpamReport, PeerLabel } from '../report.ts';
import type { Context } from './context.ts';
import type { Label, Parts } from './reporting.ts';

/** How the addresses of the mesh are shared out now. */
export function ipamReport(
  context: Context,
  { expulsion, neighbours }: Pick<Parts, 'expulsion' | 'neighbours'>,
  label: Label,
): IpamReport | undefined {
  const { config, ring, topology } = context;
  const addressing = context.addressing();
  if (config.ipam === undefined || addressing === undefined) return undefined;
  const { custodian, given, waiting } = addressing;
  const { division } = custodian;
  const holdings = division === undefined ? [] : ring.holdings(division);
  const owners = [...new Set([config.self, ...holdings.map(({ owner }) => owner)])];
  const rank = (peer: PeerLabel): string => (peer.id === config.self ? '' : peer.name);
  const reachable = addressing.reachable();
  const shares = owners.map(owner => {
    const isThere = owner === config.self || reachable.has(owner);
    return {
      peer: label(owner),
      addresses: totalOf(holdings.filter(holding => holding.owner === owner)),
      reachable: isThere,
      silentMs: isThere ? undefined : neighbours.unheard(owner),
    };
  });
  const named = (name: Mac): PeerLabel | undefined => {
    const peer = topology.peers().find(candidate => topology.host(candidate)?.name === name);
    return peer && label(peer);
  };
  return {
    universe: formatCidr(config.ipam.universe),
    defaultSubnet: formatCidr(config.ipam.defaultSubnet),
    seeds: division?.seeds ?? [],
    state: division === undefined ? 'undivided' : waiting > 0 ? 'waiting' : 'ready',
    why: division === undefined ? custodian.waitsFor : addressing.waitsFor(),
    shares: shares.sort((a, b) => compare(rank(a.peer), rank(b.peer))),
    untaken: custodian.untaken().map(({ name, addresses }) => ({ name, peer: named(name), addresses })),
    removed: expulsion.unsettled().map(({ peer, addresses, heir, waitsFor }) => ({
      peer: label(peer),
      addresses,
      heir: heir && label(heir),
      waitsFor: waitsFor.map(label),
    })),
    quarantined: addressing.quarantined(),
    given,
    free: addressing.free,
    strangers: custodian.strangers().map(({ peer, division: { universe, seeds } }) => ({
      peer: label(peer),
      universe: formatCidr(universe),
      seeds,
    })),
  };
}
