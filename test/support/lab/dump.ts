import type { Host } from './host.ts';
import { type } from './shell.ts';

/**
 * What a host holds of the mesh, as the kernel and the router tell it: links, addresses, routes, FDB, neighbours and rules, in
 * the host, the switch and each bare namespace; then the endpoints. The same state gives the same text: numbers of interfaces,
 * counters and what the kernel draws by lot are left out.
 */
export async function dumpHost(host: Host): Promise<string> {
  const places = (await type(host, 'ls -d /proc/1/ns/net /run/mesh/switch /run/netns/* 2>/dev/null || true'))
    .trim()
    .split('\n');
  const parts: string[] = [];
  for (const place of places) parts.push(`## ${host.name} ${place}\n${await dumpNamespace(host, place)}`);
  return `${parts.join('')}## ${host.name} endpoints\n${await type(host, 'mesh status endpoints --json')}`;
}

interface KernelLink {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly address: string;
  readonly ifalias?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: Readonly<Record<string, unknown>>;
    readonly info_slave_data?: Readonly<Record<string, unknown>>;
  };
}

const TABLES = `
  ip -json -details link
  echo
  ip -oneline address | sed 's/^[0-9]*: //' | sort
  ip route show table all | sort
  bridge fdb | sort
  ip neighbour show nud permanent | sort
  nft -s list ruleset`;

const DATA = ['id', 'local', 'port', 'learning', 'mcast_snooping', 'vlan_filtering'];
const PORT_DATA = ['state', 'hairpin', 'guard', 'learning', 'flood', 'neigh_suppress', 'isolated'];

async function dumpNamespace(host: Host, place: string): Promise<string> {
  const text = await host.succeed(['nsenter', `--net=${place}`, 'sh', '-c', TABLES]);
  const end = text.indexOf('\n\n');
  const links = JSON.parse(text.slice(0, end)) as readonly KernelLink[];
  const lines = links.map(describeLink).sort();
  let tables = `${lines.join('\n')}\n${text.slice(end + 2)}`;
  // The kernel draws the MAC of the port's own end, which no frame ever bears.
  for (const { ifname, address } of links) {
    if (/^mv[0-9a-f]{12}$/.test(ifname)) tables = tables.replaceAll(address, `(MAC of ${ifname})`);
  }
  return tables.replace(/elements = \{([^}]*)\}/g, (_, elements: string) => {
    const sorted = elements.split(',').map(element => element.trim());
    return `elements = { ${sorted.sort().join(', ')} }`;
  });
}

function describeLink({ ifname, flags, mtu, master, address, ifalias, linkinfo }: KernelLink): string {
  const chosen = (data: Readonly<Record<string, unknown>> = {}, keys: readonly string[]) =>
    keys.filter(key => key in data).map(key => `${key}=${data[key]}`);
  return [
    ...[ifname, [...flags].sort().join(), `mtu=${mtu}`, `master=${master}`, address, `alias=${ifalias}`],
    ...[linkinfo?.info_kind, ...chosen(linkinfo?.info_data, DATA)],
    ...chosen(linkinfo?.info_slave_data, PORT_DATA),
  ].join(' ');
}
