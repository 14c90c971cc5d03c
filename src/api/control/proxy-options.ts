import { ok, type Result } from '../../core/errors.ts';
import { formatListenAddress, type ListenAddress, parseListenAddress } from '../proxy/listen-address.ts';
import { bad, type Option, parseSwitch } from './option.ts';

/** The Docker proxy, and what it does for containers. */
export interface ProxySettings {
  readonly proxy: boolean;
  /** Where it listens beside its own socket in the run directory. */
  readonly proxyListen: readonly ListenAddress[];
  /** False: only containers that ask for an address get one. */
  readonly ipamDefault: boolean;
  /** False: containers are not told whom to ask for names, nor how they are called. */
  readonly proxyDns: boolean;
  /** False: the /etc/hosts of containers that are attached when they start stays as the engine wrote it. */
  readonly proxyHosts: boolean;
  /** False: containers that are attached when they start get no route for multicast. */
  readonly multicastRoute: boolean;
  readonly hostnameLabel: string | undefined;
  readonly hostnameMatch: string;
  readonly hostnameReplacement: string;
  readonly rewriteInspect: boolean;
  /** TCP takes clients with a certificate of this authority alone. */
  readonly tlsVerify: boolean;
  readonly tlsCaCert: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly insecure: boolean;
}

const asIs = (value: string | undefined): string | undefined => value;
const ifSet = (value: boolean): string | undefined => (value ? 'true' : undefined);
const ifUnset = (value: boolean): string | undefined => (value ? undefined : 'true');

function parseOff(text: string, name: string): Result<boolean> {
  const off = parseSwitch(text, name);
  return off.ok ? ok(!off.value) : off;
}

const parseFile = (text: string, name: string): Result<string> =>
  /^\/[^\0:]+$/.test(text) ? ok(text) : bad(name, text, 'an absolute path without ":"');

function parseListen(text: string, name: string): Result<readonly ListenAddress[]> {
  const addresses: ListenAddress[] = [];
  for (const each of text.split(',')) {
    const address = parseListenAddress(each);
    if (address === undefined) return bad(name, each, 'unix:///PATH or tcp://ADDRESS:PORT');
    addresses.push(address);
  }
  return ok(addresses);
}

function parseExpression(text: string, name: string): Result<string> {
  try {
    new RegExp(text);
    return ok(text);
  } catch {
    return bad(name, text, 'a regular expression');
  }
}

const file = (flag: string, help: string): Option<string | undefined> => ({
  flag,
  value: 'FILE',
  env: [],
  help,
  initial: undefined,
  reason: 'none: on its unix socket the proxy takes whom the engine takes',
  parse: parseFile,
  format: asIs,
});

export const PROXY_OPTIONS: { readonly [K in keyof ProxySettings]: Option<ProxySettings[K]> } = {
  proxy: {
    flag: 'no-proxy',
    value: undefined,
    env: ['MESH_NO_PROXY'],
    help: 'no Docker proxy on this host',
    initial: true,
    reason: 'who does not ask it is not touched by it',
    parse: parseOff,
    format: ifUnset,
  },
  proxyListen: {
    flag: 'proxy-listen',
    short: 'H',
    repeats: true,
    value: 'ADDRESS',
    env: ['MESH_PROXY_LISTEN'],
    help: 'where the Docker proxy listens, too: unix:///PATH, or tcp://ADDRESS:PORT with --tlsverify',
    initial: [],
    reason: 'its socket in the run directory is for whom the engine takes; who else may come, the user says',
    parse: parseListen,
    format: addresses => (addresses.length === 0 ? undefined : addresses.map(formatListenAddress).join(',')),
  },
  ipamDefault: {
    flag: 'no-default-ipalloc',
    value: undefined,
    env: ['MESH_NO_DEFAULT_IPALLOC'],
    help: 'the proxy joins only containers with MESH_CIDR in their environment',
    initial: true,
    reason: 'who asks the proxy for a container wants it on the mesh',
    parse: parseOff,
    format: ifUnset,
  },
  proxyDns: {
    flag: 'without-dns',
    value: undefined,
    env: ['MESH_WITHOUT_DNS'],
    help: 'the proxy sets neither DNS server nor host name of containers',
    initial: true,
    reason: 'names are what people call containers by',
    parse: parseOff,
    format: ifUnset,
  },
  proxyHosts: {
    flag: 'no-rewrite-hosts',
    value: undefined,
    env: [],
    help: 'containers that wait for the network keep the /etc/hosts of the engine (profile weave only)',
    initial: true,
    reason: 'what asks for its own address should get the one that others reach',
    parse: parseOff,
    format: ifUnset,
  },
  multicastRoute: {
    flag: 'no-multicast-route',
    value: undefined,
    env: [],
    help: 'containers that wait for the network get no route for multicast (profile weave only)',
    initial: true,
    reason: 'multicast is to reach all hosts, whatever the default route is',
    parse: parseOff,
    format: ifUnset,
  },
  hostnameLabel: {
    flag: 'hostname-from-label',
    value: 'LABEL',
    env: [],
    help: 'the label that has the host name of a container, in the place of its name',
    initial: undefined,
    reason: 'the name is what people call it by',
    parse: (text, name) => (text === '' ? bad(name, text, 'the name of a label') : ok(text)),
    format: asIs,
  },
  hostnameMatch: {
    flag: 'hostname-match',
    value: 'EXPRESSION',
    env: [],
    help: 'what of that becomes the host name, as a regular expression',
    initial: '(.*)',
    reason: 'all of it',
    parse: parseExpression,
    format: asIs,
  },
  hostnameReplacement: {
    flag: 'hostname-replacement',
    value: 'TEXT',
    env: [],
    help: 'what is put in its place; $1 is the first group',
    initial: '$1',
    reason: 'the first group',
    parse: ok,
    format: asIs,
  },
  rewriteInspect: {
    flag: 'rewrite-inspect',
    value: undefined,
    env: [],
    help: "an inspected container shows its address on the mesh in the place of the bridge's",
    initial: false,
    reason: 'engines show both, each with its network; it is for programs that know of one only',
    parse: parseSwitch,
    format: ifSet,
  },
  tlsVerify: {
    flag: 'tlsverify',
    value: undefined,
    env: [],
    help: 'over TCP, the proxy takes only clients with a certificate; takes the three files below',
    initial: false,
    reason: 'without TCP there is nobody to verify',
    parse: parseSwitch,
    format: ifSet,
  },
  tlsCaCert: file('tlscacert', 'certificate of the authority that clients are trusted by'),
  tlsCert: file('tlscert', 'certificate that the proxy shows'),
  tlsKey: file('tlskey', 'key of that certificate'),
  insecure: {
    flag: 'insecure',
    value: undefined,
    env: [],
    help: 'over TCP, the proxy takes anybody: who reaches it is root on this host',
    initial: false,
    reason: 'nobody should be root by accident',
    parse: parseSwitch,
    format: ifSet,
  },
};

/** What of these settings does not go together. */
export function misplacedProxy(settings: ProxySettings): Result<never> | undefined {
  const { proxyListen, tlsVerify, tlsCaCert, tlsCert, tlsKey, insecure } = settings;
  const flag = `--${PROXY_OPTIONS.proxyListen.flag}`;
  const open = proxyListen.find(({ kind }) => kind === 'tcp');
  if (open !== undefined && !tlsVerify && !insecure)
    return bad(flag, formatListenAddress(open), 'TCP with --tlsverify, or with --insecure, for everybody');
  const files = [tlsCaCert, tlsCert, tlsKey];
  return tlsVerify && files.includes(undefined)
    ? bad('--tlsverify', 'true', '--tlscacert, --tlscert and --tlskey beside it')
    : undefined;
}
