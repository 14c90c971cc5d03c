import { parseCidr } from '../../core/address.ts';
import type { IpamReport, PeerLabel, Report } from '../../core/report.ts';
import type { Known } from './known.ts';
import type { WeaveDns, WeaveIpam, WeavePlugin, WeaveShare } from './shape.ts';

export function ipamOf({ election, pending, report }: Known): WeaveIpam | undefined {
  const { ipam } = report;
  if (ipam === undefined) return undefined;
  const isUndivided = ipam.state === 'undivided';
  return {
    Paxos:
      isUndivided && election
        ? { Elector: election.elector, KnownNodes: election.known, Quorum: election.quorum }
        : undefined,
    Range: ipam.universe,
    RangeNumIPs: 2 ** (32 - (parseCidr(ipam.universe)?.prefix ?? 32)),
    ActiveIPs: ipam.given,
    DefaultSubnet: ipam.defaultSubnet,
    Entries: isUndivided ? [] : sharesOf(report, ipam),
    PendingClaims: (pending?.claims ?? []).map(({ cidr, owner }) => ({ Ident: owner, CIDR: cidr })),
    PendingAllocates: pending?.allocates ?? (ipam.state === 'waiting' ? [ipam.why ?? ipam.universe] : []),
  };
}

/** One entry for all that a peer holds: where its parts of the universe begin is not told. */
function sharesOf({ peers }: Report, { shares, untaken }: IpamReport): readonly WeaveShare[] {
  const held = shares.map(({ addresses, peer, reachable }) => shareOf(peer, addresses, reachable));
  const kept = untaken.map(({ addresses, name, peer }) => {
    const isThere = peers.some(each => each.name === name && each.reachable);
    return shareOf({ name, nickname: peer?.nickname ?? '' }, addresses, isThere);
  });
  return [...held, ...kept].filter(({ Size }) => Size > 0);
}

function shareOf(peer: Pick<PeerLabel, 'name' | 'nickname'>, size: number, isKnown: boolean): WeaveShare {
  const { name, nickname } = peer;
  return { Token: '', Size: size, Peer: name, Nickname: nickname, IsKnownPeer: isKnown, Version: 0 };
}

/** What stands for a container where an address has none. */
const NO_CONTAINER = 'weave:extern';

export function dnsOf({ dns, report }: Known): WeaveDns | undefined {
  if (dns?.server === undefined) return undefined;
  const { listening, upstreams } = dns.server;
  const place = listening.find(({ inSwitch }) => !inSwitch) ?? listening[0];
  const domain = `${dns.zone}.`;
  return {
    Domain: domain,
    Upstream: upstreams.map(({ address }) => address),
    Address: place === undefined ? '' : `${place.address}:${place.port}`,
    TTL: dns.ttl,
    Entries: report.names.map(({ address, container, host, name }) => ({
      Hostname: `${name}.${domain}`,
      Origin: host.name,
      ContainerID: container ?? NO_CONTAINER,
      Address: address,
      Version: 0,
      Tombstone: 0,
    })),
  };
}

export function pluginOf({ dns, plugin, report }: Known): WeavePlugin | undefined {
  if (plugin === undefined) return undefined;
  const config = {
    Socket: '',
    MeshSocket: '',
    Enable: true,
    EnableV2: false,
    EnableV2Multicast: false,
    DNS: dns?.server !== undefined,
    DefaultSubnet: report.ipam?.defaultSubnet ?? '',
    ProcPath: '',
  };
  return { Config: config, DriverName: plugin.driver, MeshDriverName: plugin.meshDriver };
}
