import { hostname } from 'node:os';
import {
  type Cidr,
  formatCidr,
  type Ipv4,
  type Mac,
  type PeerId,
  parseCidr,
  parseIpv4,
  parseMac,
  subnetOf,
} from '../../core/address.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import { TRUSTED_MAX } from '../../core/topology/facts.ts';
import { MESH, PROFILES, type Profile } from '../profile.ts';
import { DNS_OPTIONS, type DnsSettings } from './dns-options.ts';
import { HTTP_OPTIONS, type HttpSettings } from './http-options.ts';
import { IPAM_OPTIONS, type IpamSettings } from './ipam-options.ts';
import { bad, type Option, parseSwitch } from './option.ts';
import { parsePeer, parsePort } from './peer.ts';
import { PROXY_OPTIONS, type ProxySettings } from './proxy-options.ts';

/** What a router is started with. The command line passes it on to the router as flags. */
export interface Settings extends IpamSettings, DnsSettings, HttpSettings, ProxySettings {
  /** What things are called; what the other settings are where nobody says anything. */
  readonly profile: Profile;
  /** HOST:PORT of each router to dial. */
  readonly peers: readonly string[];
  readonly port: number;
  readonly dataPort: number;
  /** Whether the kernel carries frames; the router does where it may not. */
  readonly fastdp: boolean;
  /** The address to listen on and dial from; all where undefined. */
  readonly host: Ipv4 | undefined;
  /** HOST:PORT that others are told to dial; what this host finds of itself where undefined. */
  readonly advertise: string | undefined;
  /** The underlay address that carries frames; `host`, else that of the default route, where undefined. */
  readonly dataAddress: Ipv4 | undefined;
  /** The peer name; derived from the identity where undefined. */
  readonly name: Mac | undefined;
  readonly nickname: string;
  readonly discovery: boolean;
  readonly resume: boolean;
  readonly passwordFile: string | undefined;
  /** The only identities that may connect; all where empty. */
  readonly trust: readonly PeerId[];
  /** To hosts in these, frames go as they are even where the mesh has a password, if those hosts say the same. */
  readonly trustedSubnets: readonly Cidr[];
  readonly stateDir: string;
  readonly runDir: string;
  /** `unix://PATH` or `tcp://HOST:PORT` of the Docker engine; empty where there is none. */
  readonly docker: string;
  /** Whether engines are offered network and IPAM drivers. */
  readonly plugin: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Where the log goes; standard output where undefined. */
  readonly logFile: string | undefined;
  /** Tells a restart (the same) from a new launch (another): a restart dials the peers that were known. */
  readonly launchId: string;
  /** MTU of the overlay; measured where undefined. */
  readonly mtu: number | undefined;
}

/** The settings that are flags. */
export type Key = Exclude<keyof Settings, 'peers'>;

const asIs = (value: string | number | undefined): string | undefined => value?.toString();

function parseAddress(text: string, name: string): Result<Ipv4> {
  const address = parseIpv4(text);
  return address === undefined
    ? bad(name, text, 'an IPv4 address of this host, like 192.168.48.11')
    : ok(address);
}

/** Unix socket paths end at 107 bytes, and the router's sockets lie in the run directory. */
const LONGEST_RUN_DIRECTORY = 80;
const LONGEST_DIRECTORY = 1_024;

/** At least two levels deep: `reset` removes these directories whole. */
function parseDirectory(text: string, name: string, longest = LONGEST_DIRECTORY): Result<string> {
  const path = text.length > 1 ? text.replace(/\/+$/, '') : text;
  return /^(\/[^/:\0]+){2,}$/.test(path) && !/\/\.\.?(\/|$)/.test(path) && path.length <= longest
    ? ok(path)
    : bad(name, text, `an absolute path of two parts or more, without ":", of at most ${longest} bytes`);
}

function parseFile(text: string, name: string): Result<string> {
  return text.startsWith('/') ? ok(text) : bad(name, text, 'an absolute path');
}

function parseDocker(text: string, name: string): Result<string> {
  return text === '' || /^unix:\/\/\/[^\0]+$/.test(text) || /^tcp:\/\/[\w.-]+:\d{1,5}$/.test(text)
    ? ok(text)
    : bad(name, text, 'unix:///PATH, tcp://HOST:PORT, or nothing where there is no engine');
}

function parseTrust(text: string, name: string): Result<PeerId[]> {
  const ids = text.split(',').filter(id => id !== '');
  const wrong = ids.find(id => !/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(id));
  return wrong === undefined
    ? ok(ids as PeerId[])
    : bad(name, wrong, 'peer identities like 12D3KooW..., see "mesh report"');
}

function parseTrusted(text: string, name: string): Result<Cidr[]> {
  const subnets: Cidr[] = [];
  for (const part of text.split(',').filter(each => each !== '')) {
    const cidr = parseCidr(part);
    if (cidr === undefined) return bad(name, part, 'subnets of the hosts, like 192.168.48.0/24');
    const subnet = subnetOf(cidr);
    if (subnet.address !== cidr.address)
      return bad(
        name,
        part,
        `a subnet as it begins: ${formatCidr(subnet)} is the one that this address is in`,
      );
    subnets.push(subnet);
  }
  return subnets.length > TRUSTED_MAX
    ? bad(name, `${subnets.length} subnets`, `${TRUSTED_MAX} at most: name larger ones`)
    : ok(subnets);
}

const DEFAULT_PORT = 6783;
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function parseLevel(text: string, name: string): Result<Settings['logLevel']> {
  const level = LEVELS.find(known => known === text);
  return level === undefined ? bad(name, text, LEVELS.join(', ')) : ok(level);
}

function parseProfile(text: string, name: string): Result<Profile> {
  const profile = PROFILES.find(known => known.name === text);
  return profile === undefined
    ? bad(name, text, PROFILES.map(known => known.name).join(' or '))
    : ok(profile);
}

function parseMtu(text: string, name: string): Result<number> {
  const mtu = Number(text);
  return /^\d{3,5}$/.test(text) && mtu >= 576 && mtu <= 65485
    ? ok(mtu)
    : bad(name, text, 'a number from 576 to 65485');
}

/** Every setting but the peers: the flags of the router and of `mesh launch`, their help, and why each default. */
export const OPTIONS: { readonly [K in Key]: Option<Settings[K]> } = {
  profile: {
    flag: 'profile',
    value: 'NAME',
    env: ['MESH_PROFILE'],
    help: 'whose names and outputs: those of mesh, or of weave (as when called by that name)',
    initial: MESH,
    reason: 'who comes from Weave Net has scripts; who does not should not meet its names',
    parse: parseProfile,
    format: ({ name }) => name,
  },
  port: {
    flag: 'port',
    value: 'PORT',
    env: ['MESH_PORT'],
    help: 'TCP port of the control connections',
    initial: DEFAULT_PORT,
    reason: 'the port that firewalls were opened for where Weave Net ran',
    parse: parsePort,
    format: asIs,
  },
  dataPort: {
    flag: 'data-port',
    value: 'PORT',
    env: ['MESH_DATA_PORT'],
    help: 'UDP port of the VXLAN frames',
    initial: 6784,
    reason: 'as above; 4789 is taken where Swarm runs, and eaten by some hypervisors',
    parse: parsePort,
    format: asIs,
  },
  fastdp: {
    flag: 'no-fastdp',
    value: undefined,
    env: ['MESH_NO_FASTDP', 'WEAVE_NO_FASTDP'],
    help: 'send no VXLAN: all frames go through the routers, by the UDP port with the number of --port',
    initial: true,
    reason: "the kernel's way costs a fraction",
    parse: (text, name) => {
      const off = parseSwitch(text, name);
      return off.ok ? ok(!off.value) : off;
    },
    format: value => (value ? undefined : 'true'),
  },
  host: {
    flag: 'host',
    value: 'ADDRESS',
    env: ['MESH_HOST'],
    help: 'address of this host to listen on and to dial from',
    initial: undefined,
    reason: 'all addresses: a host with one network needs no choice',
    parse: parseAddress,
    format: asIs,
  },
  advertise: {
    flag: 'advertise',
    value: 'HOST[:PORT]',
    env: ['MESH_ADVERTISE'],
    help: 'address that other routers are told to dial',
    initial: undefined,
    reason: 'what this host sees of itself is right unless there is address translation',
    parse: text => {
      const peer = parsePeer(text, DEFAULT_PORT);
      return peer.ok ? ok(text) : peer;
    },
    format: asIs,
  },
  dataAddress: {
    flag: 'data-addr',
    value: 'ADDRESS',
    env: ['MESH_DATA_ADDR'],
    help: 'address of this host that carries the frames',
    initial: undefined,
    reason: 'frames take the way that control connections take',
    parse: parseAddress,
    format: asIs,
  },
  name: {
    flag: 'name',
    value: 'NAME',
    env: ['MESH_NAME'],
    help: 'peer name, six hex bytes',
    initial: undefined,
    reason: 'derived from the identity, so that no two hosts share one by accident',
    parse: text => {
      const name = parseMac(text.toLowerCase());
      return name === undefined ? refuse({ code: 'bad-peer-name', value: text }) : ok(name);
    },
    format: asIs,
  },
  nickname: {
    flag: 'nickname',
    value: 'NAME',
    env: ['MESH_NICKNAME'],
    help: 'what people call this host',
    initial: hostname().replace(/[^\w.-]/g, '-') || 'host',
    reason: 'the host name is what people call it already',
    parse: (text, name) =>
      /^[\w.-]{1,64}$/.test(text)
        ? ok(text)
        : bad(name, text, '1 to 64 letters, digits, dots, dashes, underscores'),
    format: asIs,
  },
  discovery: {
    flag: 'no-discovery',
    value: undefined,
    env: ['MESH_NO_DISCOVERY'],
    help: 'connect only to the peers given, not to those they know',
    initial: true,
    reason: 'one address should be enough to join',
    parse: (text, name) => {
      const off = parseSwitch(text, name);
      return off.ok ? ok(!off.value) : off;
    },
    format: value => (value ? undefined : 'true'),
  },
  resume: {
    flag: 'resume',
    value: undefined,
    env: ['MESH_RESUME'],
    help: 'dial the peers that the router knew when it ended',
    initial: false,
    reason: 'a launch does what its command line says and nothing else',
    parse: parseSwitch,
    format: value => (value ? 'true' : undefined),
  },
  passwordFile: {
    flag: 'password-file',
    value: 'FILE',
    env: ['MESH_PASSWORD_FILE'],
    help: 'file with the password that all routers share',
    initial: undefined,
    reason: 'no password: connections are encrypted and authenticated anyway, but anyone may join',
    parse: parseFile,
    format: asIs,
  },
  trust: {
    flag: 'trust',
    repeats: true,
    value: 'ID,...',
    env: ['MESH_TRUST'],
    help: 'the only identities that may connect',
    initial: [],
    reason: 'joining should not need a list of all hosts',
    parse: parseTrust,
    format: ids => (ids.length === 0 ? undefined : ids.join(',')),
  },
  trustedSubnets: {
    flag: 'trusted-subnets',
    repeats: true,
    value: 'CIDR,...',
    env: ['MESH_TRUSTED_SUBNETS'],
    help: 'where hosts are that frames go to unencrypted, if they say the same of this one',
    initial: [],
    reason: 'a mesh with a password encrypts: what is not worth that has to be named, on both sides',
    parse: parseTrusted,
    format: subnets => (subnets.length === 0 ? undefined : subnets.map(formatCidr).join(',')),
  },
  stateDir: {
    flag: 'state-dir',
    value: 'DIRECTORY',
    env: ['MESH_STATE_DIR'],
    help: 'where identity, own facts and log are kept',
    initial: '/var/lib/mesh',
    reason: 'the place for state that survives a reboot',
    parse: (text, name) => parseDirectory(text, name),
    format: asIs,
  },
  runDir: {
    flag: 'run-dir',
    value: 'DIRECTORY',
    env: ['MESH_RUN_DIR'],
    help: 'where the control socket and the switch are found',
    initial: '/run/mesh',
    reason: 'namespaces pinned here end with the boot, as the kernel objects behind them do',
    parse: (text, name) => parseDirectory(text, name, LONGEST_RUN_DIRECTORY),
    format: asIs,
  },
  docker: {
    flag: 'docker',
    value: 'ADDRESS',
    // The second is the engine behind the proxy, where the third is that of `mesh env`.
    env: ['MESH_DOCKER', 'ORIG_DOCKER_HOST', 'DOCKER_HOST'],
    takesNothing: true,
    help: 'the Docker engine; empty for none',
    initial: 'unix:///var/run/docker.sock',
    reason: 'where every package of Docker puts its socket',
    parse: parseDocker,
    format: asIs,
  },
  plugin: {
    flag: 'no-plugin',
    value: undefined,
    env: ['MESH_NO_PLUGIN'],
    help: 'offer Docker no network driver: "docker run --network" knows no mesh network then',
    initial: true,
    reason: 'who runs containers should not have to learn another command',
    parse: (text, name) => {
      const off = parseSwitch(text, name);
      return off.ok ? ok(!off.value) : off;
    },
    format: value => (value ? undefined : 'true'),
  },
  logLevel: {
    flag: 'log-level',
    value: 'LEVEL',
    env: ['MESH_LOG_LEVEL'],
    help: `how much the router says: ${LEVELS.join(', ')}`,
    initial: 'info',
    reason: 'changes and refusals, nothing that grows with traffic',
    parse: parseLevel,
    format: asIs,
  },
  logFile: {
    flag: 'log-file',
    value: 'FILE',
    env: [],
    help: 'where the log goes, with one predecessor of 5 MiB',
    initial: undefined,
    reason: 'standard output: a container engine and an init system keep it better',
    parse: parseFile,
    format: asIs,
  },
  launchId: {
    flag: 'launch-id',
    value: 'ID',
    env: [],
    help: 'set by "mesh launch"; a start with the same ID goes on with the peers it knew',
    initial: '',
    reason: 'without one, every start takes the peers that it is given',
    parse: (text, name) =>
      /^[\w-]{1,64}$/.test(text) ? ok(text) : bad(name, text, '1 to 64 letters, digits, dashes, underscores'),
    format: id => (id === '' ? undefined : id),
  },
  mtu: {
    flag: 'mtu',
    value: 'BYTES',
    env: ['MESH_MTU'],
    help: "MTU of the containers' interfaces",
    initial: undefined,
    reason: 'measured: the largest that every path takes',
    parse: parseMtu,
    format: asIs,
  },
  ...IPAM_OPTIONS,
  ...DNS_OPTIONS,
  ...HTTP_OPTIONS,
  ...PROXY_OPTIONS,
};
