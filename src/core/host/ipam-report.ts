import { compare, formatCidr, type PeerId } from '../address.ts';
import { totalOf } from '../ipam/range.ts';
import type { IpamReport, PeerLabel } from '../report.ts';
import type { Context } from './context.ts';

/** How the addresses of the mesh are shared out now. */
export function ipamReport(context: Context, label: (peer: PeerId) => PeerLabel): IpamReport | undefined {
  const { config, ring } = context;
  const addressing = context.addressing();
  if (config.ipam === undefined || addressing === undefined) return undefined;
  const { custodian, given, waiting } = addressing;
  const { division } = custodian;
  const holdings = division === undefined ? [] : ring.holdings(division);
  const owners = [...new Set([config.self, ...holdings.map(({ owner }) => owner)])];
  const rank = (peer: PeerLabel): string => (peer.id === config.self ? '' : peer.name);
  const shares = owners.map(owner => ({
    peer: label(owner),
    addresses: totalOf(holdings.filter(holding => holding.owner === owner)),
    reachable: owner === config.self || addressing.reaches(owner),
  }));
  return {
    universe: formatCidr(config.ipam.universe),
    defaultSubnet: formatCidr(config.ipam.defaultSubnet),
    seeds: division?.seeds ?? [],
    state: division === undefined ? 'undivided' : waiting > 0 ? 'waiting' : 'ready',
    why: division === undefined ? custodian.waitsFor : addressing.waitsFor(),
    shares: shares.sort((a, b) => compare(rank(a.peer), rank(b.peer))),
    given,
    strangers: custodian.strangers().map(({ peer, division: { universe, seeds } }) => ({
      peer: label(peer),
      universe: formatCidr(universe),
      seeds,
    })),
  };
}
