import type { Host } from './host.ts';
import { type } from './shell.ts';

/**
 * What a host holds of the mesh, as the kernel and the router tell it: links, addresses, routes, FDB, neighbours and rules, in
 * the host, the switch and each bare namespace; then the endpoints. The same state gives the same text: numbers of interfaces,
 * counters and what the kernel draws by lot are left out.
 */
export async function dumpHost(host: Host): Promise<string> {
  const [endpoints = '', ...places] = (await type(host, SCRIPT)).split('=== ');
  const parts = places.map(text => {
    const [place, links = '', tables = '', rules = ''] = text.split('---\n');
    return `## ${host.name} ${place}${describe(links, tables)}\n${sortElements(rules)}`;
  });
  return `${parts.join('')}## ${host.name} endpoints\n${endpoints}`;
}

const SCRIPT = `
  mesh status endpoints --json
  for place in /proc/1/ns/net /run/mesh/switch /run/netns/*; do
    [ ! -e $place ] || nsenter --net=$place sh -c '
      echo "=== $0"; echo ---
      ip -json -details link; echo ---
      ip -4 -oneline address | sed "s/^[0-9]*: //"
      ip -4 route show table all
      bridge fdb
      ip neighbour show nud permanent; echo ---
      nft -s list ruleset' $place
  done`;

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

const DATA = ['id', 'local', 'port', 'learning', 'mcast_snooping', 'vlan_filtering'];
const PORT_DATA = ['state', 'hairpin', 'guard', 'learning', 'flood', 'neigh_suppress', 'isolated'];

/** One line each, sorted. */
function describe(json: string, tables: string): string {
  const links = JSON.parse(json) as readonly KernelLink[];
  let rows = [...links.map(describeLink), ...tables.split('\n').map(line => line.trim())].join('\n');
  // Of devices that no frame ever bears the MAC of, the kernel draws it.
  for (const { ifname, address } of links) {
    if (/^(mv|vx-)/.test(ifname)) rows = rows.replaceAll(address, `(MAC of ${ifname})`);
  }
  return rows
    .split('\n')
    .filter(row => row !== '')
    .sort()
    .join('\n');
}

function sortElements(rules: string): string {
  return rules.replace(/elements = \{([^}]*)\}/g, (_, elements: string) => {
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
