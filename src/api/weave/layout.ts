import type { WeaveConnection, WeaveDns, WeaveIpam, WeaveReport, WeaveShare } from './shape.ts';
import { statusText } from './summary.ts';

/**
 * What Weave answers as `/status/VIEW`, in its exact columns: lines that end with a line feed, or nothing at all. `summary` is
 * `/status` itself; around it `weave status` prints an empty line on either side. Where Weave's order changes from call to call,
 * here it does not.
 */
export const LAYOUTS = {
  summary: statusText,
  targets: ({ Router }: WeaveReport): string => lines(Router.Targets),
  connections: ({ Router }: WeaveReport): string => lines(Router.Connections.map(connectionLine)),
  peers: ({ Router }: WeaveReport): string => lines(Router.Peers.flatMap(peerLines)),
  dns: ({ DNS }: WeaveReport): string => lines(DNS === undefined ? [] : dnsLines(DNS)),
  ipam: ({ IPAM, Router }: WeaveReport): string =>
    lines(IPAM === undefined ? [] : ipamLines(IPAM, Router.Name)),
};

const lines = (all: readonly string[]): string => all.map(line => `${line}\n`).join('');
const arrow = ({ Outbound }: { readonly Outbound: boolean }): string => (Outbound ? '->' : '<-');

/** The attributes stand without a space between them, like `encrypted=truemtu=1376`. */
function connectionLine(connection: WeaveConnection): string {
  const { Address, Attrs, Info, State } = connection;
  const attributes = Object.entries(Attrs)
    .filter(([name]) => name !== 'name')
    .map(([name, value]) => `${name}=${value}`)
    .join('');
  return `${arrow(connection)} ${Address.padEnd(21)} ${State.padEnd(11)} ${Info} ${attributes}`;
}

function peerLines({
  Connections,
  Name,
  NickName,
}: WeaveReport['Router']['Peers'][number]): readonly string[] {
  const connections = Connections.map(connection => {
    const other = `${connection.Name}(${connection.NickName})`.padEnd(37);
    const state = connection.Established ? 'established' : 'pending';
    return `   ${arrow(connection)} ${connection.Address.padEnd(21)} ${other} ${state}`;
  });
  return [`${Name}(${NickName})`, ...connections];
}

const dnsLines = ({ Domain, Entries }: WeaveDns): readonly string[] =>
  Entries.filter(({ Tombstone }) => Tombstone === 0).map(({ Address, ContainerID, Hostname, Origin }) => {
    const name = Hostname.endsWith(`.${Domain}`) ? Hostname.slice(0, -Domain.length - 1) : Hostname;
    return `${name.padEnd(12)} ${Address.padEnd(15)} ${ContainerID.slice(0, 12).padStart(12)} ${Origin}`;
  });

/** This host first; only of it is known how many addresses are in use. */
function ipamLines({ ActiveIPs, Entries, RangeNumIPs }: WeaveIpam, self: string): readonly string[] {
  const line = ([{ IsKnownPeer, Nickname, Peer }, size]: readonly [WeaveShare, number]): string => {
    const label = `${Peer}(${Nickname})`.padEnd(37);
    const percent = ((100 * size) / RangeNumIPs).toFixed(1).padStart(4, '0');
    const note = Peer === self ? `(${ActiveIPs} active)` : IsKnownPeer ? '' : '- unreachable!';
    return `${label} ${`${size}`.padStart(8)} IPs (${percent}% of total) ${note}`;
  };
  const sums = sumsOf(Entries);
  return [...sums.filter(([{ Peer }]) => Peer === self), ...sums.filter(([{ Peer }]) => Peer !== self)].map(
    line,
  );
}

/** What each peer holds altogether, by its first entry. */
export const sumsOf = (entries: readonly WeaveShare[]): readonly (readonly [WeaveShare, number])[] =>
  [...Map.groupBy(entries, ({ Peer }) => Peer).values()].map(
    own => [own[0]!, own.reduce((sum, { Size }) => sum + Size, 0)] as const,
  );
