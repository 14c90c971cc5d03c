import type { Ipv4 } from '../../../core/address.ts';
import { RELAY_PORTS } from '../../../core/forwarding.ts';
import { type Element, type Elements, quoteElement, type Shape, split } from './elements.ts';
import type { Count, Family } from './nfnetlink.ts';

/** The two tables, as nft reads them. */

export interface MapShape {
  readonly key: Shape;
  readonly data: Shape;
}

/** A table but for what changes in it. */
export interface Ruleset {
  readonly family: Family;
  readonly sets: Readonly<Record<string, Shape>>;
  readonly maps?: Readonly<Record<string, MapShape>>;
  readonly counters: readonly string[];
  /** The chains, in nft's language; where what they say depends on what sets hold, made of that. */
  readonly chains: string | ((elements: Elements) => string);
}

/** What a table holds by the name of set or counter. */
export interface Content {
  readonly elements: Elements;
  readonly counts: ReadonlyMap<string, Count>;
}

export const TABLE = 'mesh';

const MAX_PORT = 65_535;

/**
 * In the host's namespace: only peers reach the data port. Loopback is no exception, since a frame of this host's own
 * never comes that way, and a local user could otherwise send into every network. `fib`, looked at for strangers
 * only, spares datagrams that this host merely forwards; those to a broadcast address do reach the port. A fragmented
 * datagram needs no rule: its first fragment has the ports and is dropped, so the rest is never put together.
 *
 * `masqueraded` holds the subnets (first address and mask) for which the host translates. No rule looks into the set: a
 * later router reads there what the rules were made of. Without any there is no chain, since that has its price: the
 * kernel follows all connections of a host that has one.
 *
 * What this host forwards reaches no data port of a peer, where it could pass for this host's own once it is masqueraded;
 * and by the leg nobody reaches a control port, here or there.
 */
export function hostRuleset(dataPort: number, relayFrom?: Ipv4, control?: Control): Ruleset {
  return {
    family: 'ip',
    sets: { peers: ['ipv4_addr'], masqueraded: ['ipv4_addr', 'ipv4_addr'] },
    ...(relayFrom && { maps: RELAY_MAPS }),
    counters: relayFrom === undefined ? ['strangers'] : ['strangers', 'relayed'],
    chains: elements => `
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;${toData(dataPort)}${control === undefined ? '' : closed(control)}
  }
  chain data {
    ip saddr != @peers goto strangers
    udp dport ${dataPort} accept${relayFrom === undefined ? '' : TO_RELAY}
  }
  chain strangers {
    udp dport ${dataPort} fib daddr type != unicast counter name strangers drop
    ip daddr @peers counter name strangers drop
  }${relayFrom === undefined ? '' : relay(relayFrom)}${exposed(elements.get('masqueraded') ?? new Set(), control?.leg)}`,
  };
}

/**
 * The data port and those at which peers may be relayed (core/host/relays.ts), which start again at 1 after the last. Down
 * there are services of other programs, which strangers may ask.
 */
function toData(dataPort: number): string {
  const last = dataPort + RELAY_PORTS;
  const more = `
    udp dport 1-${last - MAX_PORT} ip saddr @peers goto data`;
  return `
    udp dport ${dataPort}-${Math.min(last, MAX_PORT)} goto data${last > MAX_PORT ? more : ''}`;
}

/** By which device containers come to this host, and the TCP port of routers. */
export interface Control {
  readonly leg: string;
  readonly port: number;
}

const closed = ({ leg, port }: Control): string => `
    iifname "${leg}" tcp dport ${port} ip daddr @peers counter name strangers drop
    iifname "${leg}" tcp dport ${port} fib daddr type local counter name strangers drop`;

const RELAY_MAPS: Readonly<Record<string, MapShape>> = {
  relay_hosts: { key: ['inet_service'], data: ['ipv4_addr'] },
  relay_ports: { key: ['inet_service'], data: ['inet_service'] },
};

/**
 * Ends where the map has no such port. (Older kernels take no map for a set that could be asked first: Debian's 6.1 refuses
 * the rule.)
 */
const TO_RELAY = `
    udp checksum 0 fib daddr type local ip daddr set udp dport map @relay_hosts goto relay`;

/**
 * What a peer sends to the port of another, whom it does not reach, is sent on there as if it came from here, without a
 * memory of connections. A copy goes out as this host's own: nothing has to be forwarded, so neither the host's
 * forwarding switch nor rules for what it forwards have a say, and what comes back takes the other's port. Our VXLAN
 * devices send no checksum, which nftables would take for one and correct when it changes the port.
 */
const relay = (from: Ipv4): string => `
  chain relay {
    ip saddr set ${from}
    udp dport set udp dport map @relay_ports
    udp checksum set 0
    dup to ip daddr
    counter name relayed drop
  }`;

/**
 * What an engine's own bridges hold is not on the mesh: it gets no further by the host, but answers who came to it. (Docker
 * has no other interface names of its own that are known beforehand.)
 */
const apart = (leg: string): string => `
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "docker0" oifname "${leg}" ct state new drop
    iifname "docker_gwbridge" oifname "${leg}" ct state new drop
  }`;

function exposed(subnets: ReadonlySet<Element>, leg: string | undefined): string {
  if (subnets.size === 0) return '';
  const rules = [...subnets].map(subnet => {
    const [address = '', mask = ''] = split(subnet);
    const isIn = (side: string): string => `ip ${side} & ${mask} == ${address}`;
    const isOut = (side: string): string => `ip ${side} & ${mask} != ${address}`;
    return `    ${isIn('saddr')} ${isOut('daddr')} masquerade\n    ${isIn('daddr')} ${isOut('saddr')} masquerade`;
  });
  return `
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip daddr 224.0.0.0/4 return
${rules.join('\n')}
  }${leg === undefined ? '' : apart(leg)}`;
}

/**
 * In the switch: a container's port takes IPv4 and ARP from the container's own MAC and addresses, and nothing else.
 * IPv6 waits until the mesh gives out IPv6 addresses: until then no rule could tell a true neighbour advertisement from
 * a forged one, and each starting container would flood its discovery to all hosts. Of what stays out, router
 * advertisements and redirects count as spoofed, the rest as unsupported; VLAN tags are such a rest. ARP probes
 * (RFC 5227: the sender is 0.0.0.0) pass for the container's own addresses.
 *
 * The host's own leg (`hosts`) is held to its MAC, and in ARP to its addresses: it forwards what others sent.
 *
 * Other ports lead to other hosts. Their frames were checked there; only a frame from a MAC that is behind one of our
 * own ports can't be right: it went round in a loop. Every host answers for the service addresses by itself, with one
 * MAC: nothing from or to them comes from elsewhere, and nothing goes there. (A bridge asks nobody else for an address
 * of its own, so that containers' questions for them do not leave either.)
 *
 * Frames that come through a tunnel are taken by the switch's own kernel; what containers send to that port is none.
 */
export const switchRuleset = (dataPort: number): Ruleset => ({
  family: 'bridge',
  sets: {
    ports: ['ifname'],
    senders: ['ifname', 'ether_addr', 'ipv4_addr'],
    hosts: ['ifname', 'ether_addr'],
    local: ['ether_addr'],
    service_macs: ['ether_addr'],
    service_addresses: ['ipv4_addr'],
  },
  counters: ['spoofed', 'unsupported', 'looped'],
  chains: `
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname @ports goto from_container
    ether saddr @local counter name looped drop
    ether saddr @service_macs counter name looped drop
    ether daddr @service_macs counter name looped drop
    ether type arp arp daddr ip @service_addresses counter name looped drop
    ether type arp arp saddr ip @service_addresses counter name looped drop
  }
  chain output {
    type filter hook output priority 0; policy accept;
    oifname "vx-*" ether saddr @service_macs drop
  }
  chain input {
    type filter hook input priority 0; policy accept;
    udp dport ${dataPort} drop
  }
  chain from_container {
    ether type ip iifname . ether saddr . ip saddr @senders accept
    ether type arp goto from_container_arp
    ether type ip iifname . ether saddr @hosts accept
    ether type ip counter name spoofed drop
    ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } counter name spoofed drop
    counter name unsupported drop
  }
  chain from_container_arp {
    arp htype 1 arp ptype ip arp hlen 6 arp plen 4 goto from_container_arp_ipv4
    counter name spoofed drop
  }
  chain from_container_arp_ipv4 {
    iifname . ether saddr . arp saddr ip @senders iifname . arp saddr ether . arp saddr ip @senders accept
    arp operation request arp saddr ip 0.0.0.0 \\
      iifname . ether saddr . arp daddr ip @senders iifname . arp saddr ether . arp daddr ip @senders accept
    counter name spoofed drop
  }`,
});

const typeOf = (shape: Shape): string => shape.join(' . ');

/** A script that replaces the table by one with this content, in one transaction; also where there is none. */
export function replaceScript(ruleset: Ruleset, content: Content): string {
  const { family, sets, maps = {}, counters, chains } = ruleset;
  const held = (name: string, quote = (element: Element) => element): string => {
    const elements = [...(content.elements.get(name) ?? [])].map(quote);
    return elements.length === 0 ? '' : ` elements = { ${elements.join(', ')} };`;
  };
  const declared = Object.entries(sets).map(
    ([name, shape]) =>
      `  set ${name} { type ${typeOf(shape)};${held(name, element => quoteElement(shape, element))} }`,
  );
  const mapped = Object.entries(maps).map(
    ([name, { key, data }]) => `  map ${name} { type ${typeOf(key)} : ${typeOf(data)};${held(name)} }`,
  );
  const counted = counters.map(name => {
    const { packets, bytes } = content.counts.get(name) ?? { packets: 0, bytes: 0 };
    return `  counter ${name} { packets ${packets} bytes ${bytes}; }`;
  });
  // "delete" refuses where there is no table, hence the "add" before it.
  return `add table ${family} ${TABLE}
delete table ${family} ${TABLE}
table ${family} ${TABLE} {
${[...declared, ...mapped, ...counted].join('\n')}${typeof chains === 'string' ? chains : chains(content.elements)}
}
`;
}
