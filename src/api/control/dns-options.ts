import { type Ipv4, parseIpv4 } from '../../core/address.ts';
import { ok } from '../../core/errors.ts';
import { parseZone } from '../../core/names/name.ts';
import { bad, type Option, parseSwitch } from './option.ts';
import { parsePort } from './peer.ts';

/** How a router answers for names. */
export interface DnsSettings {
  /** The zone of the names of containers, lower case, without a dot at the end; the same on every host. */
  readonly dnsDomain: string;
  /** How long others may keep an answer, in seconds. */
  readonly dnsTtl: number;
  readonly dns: boolean;
  /** Where containers ask that have no network of the mesh; the Docker bridge's address, port 53, where undefined. */
  readonly dnsListen: { readonly address: Ipv4; readonly port: number } | undefined;
  /** Names the servers that are asked for all other names. */
  readonly resolvConf: string;
}

export const DNS_PORT = 53;
/** Longer than anybody should believe that a container is still there. */
const LONGEST_TTL_S = 3_600;

export const DNS_OPTIONS: { readonly [K in keyof DnsSettings]: Option<DnsSettings[K]> } = {
  dnsDomain: {
    flag: 'dns-domain',
    value: 'ZONE',
    env: ['MESH_DNS_DOMAIN'],
    help: 'zone of the names of containers, the same on every host',
    initial: 'mesh.internal',
    reason: 'below "internal", which is kept for private use and so is never anybody else\'s',
    parse: (text, name) => {
      const zone = parseZone(text);
      return zone === undefined ? bad(name, text, 'a zone, like mesh.internal') : ok(zone);
    },
    format: zone => zone,
  },
  dnsTtl: {
    flag: 'dns-ttl',
    value: 'SECONDS',
    env: ['MESH_DNS_TTL'],
    help: 'how long others may keep an answer',
    initial: 1,
    reason: 'a container that is gone should not be asked for longer than that',
    parse: (text, name) =>
      /^\d{1,4}$/.test(text) && Number(text) <= LONGEST_TTL_S
        ? ok(Number(text))
        : bad(name, text, `a number of seconds from 0 to ${LONGEST_TTL_S}`),
    format: seconds => `${seconds}`,
  },
  dns: {
    flag: 'no-dns',
    value: undefined,
    env: ['MESH_NO_DNS'],
    help: 'answer no DNS questions on this host',
    initial: true,
    reason: 'names are what people call containers by',
    parse: (text, name) => {
      const off = parseSwitch(text, name);
      return off.ok ? ok(!off.value) : off;
    },
    format: value => (value ? undefined : 'true'),
  },
  dnsListen: {
    flag: 'dns-listen-address',
    value: 'ADDRESS[:PORT]',
    env: ['MESH_DNS_LISTEN_ADDRESS'],
    help: "where containers ask that have no network of the mesh; the Docker bridge's address, port 53, if not given",
    initial: undefined,
    reason: 'every container that Docker runs reaches the bridge, and nothing else listens there',
    parse: (text, name) => {
      const [host = '', port, ...more] = text.split(':');
      const address = parseIpv4(host);
      const number = port === undefined ? ok(DNS_PORT) : parsePort(port);
      return address === undefined || !number.ok || more.length > 0
        ? bad(name, text, `an IPv4 address of this host and a port, like 172.17.0.1:${DNS_PORT}`)
        : ok({ address, port: number.value });
    },
    format: listen => listen && `${listen.address}:${listen.port}`,
  },
  resolvConf: {
    flag: 'resolv-conf',
    value: 'FILE',
    env: ['MESH_RESOLV_CONF'],
    help: 'file that names the servers asked for all other names',
    initial: '/etc/resolv.conf',
    reason: 'what this host itself asks',
    parse: (text, name) => (text.startsWith('/') ? ok(text) : bad(name, text, 'an absolute path')),
    format: path => path,
  },
};
