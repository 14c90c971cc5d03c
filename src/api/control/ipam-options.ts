import {
  type Cidr,
  compare,
  formatCidr,
  type Mac,
  networkAddress,
  parseCidr,
  parseMac,
} from '../../core/address.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import { bad, type Option } from './option.ts';

/** What the mesh is told of the addresses that it gives out; the same on every host, but for `ipamInit`. */
export interface IpamSettings {
  /** All that the mesh gives out; undefined where it gives out none. */
  readonly ipamRange: Cidr | undefined;
  /** Where an address is taken from that is asked for without a subnet; the first half of a large range where undefined. */
  readonly ipamSubnet: Cidr | undefined;
  readonly ipamInit: IpamInitSetting;
  /** How long somebody waits for an address at most, in seconds. */
  readonly ipamTimeout: number;
  /** How long an address that a removed peer's container had is given to nobody, in seconds. */
  readonly ipamQuarantine: number;
}

/** How the range is divided at first. */
export type IpamInitSetting =
  /** By a majority of so many peers; of those given at launch, and this one, where undefined. */
  | { readonly kind: 'consensus'; readonly electorate: number | undefined }
  | { readonly kind: 'seed'; readonly names: readonly Mac[] }
  | { readonly kind: 'observer' };

const DEFAULT_RANGE: Cidr = parseCidr('10.32.0.0/12')!;
/** Longer than anybody waits for an address. */
export const LONGEST_TIMEOUT_S = 3_600;
const LONGEST_QUARANTINE_S = 86_400;
const LARGEST_ELECTORATE = 10_000;
const MOST_SEEDS = 64;
/** Of eight addresses three are kept back: network, broadcast and service address. */
const LONGEST_RANGE_PREFIX = 29;
/** Of four one is left. */
const LONGEST_SUBNET_PREFIX = 30;
const SHORTEST_PREFIX = 8;

function parseSpace(text: string, name: string, longest: number, example: string): Result<Cidr> {
  const cidr = parseCidr(text);
  const like = `like ${example}`;
  if (cidr === undefined) return bad(name, text, `a range, ${like}`);
  if (cidr.prefix < SHORTEST_PREFIX || cidr.prefix > longest)
    return bad(name, text, `a range with a prefix from /${SHORTEST_PREFIX} to /${longest}, ${like}`);
  const first = networkAddress(cidr);
  if (first !== cidr.address) {
    const whole = formatCidr({ address: first, prefix: cidr.prefix });
    return bad(name, text, `a range without bits after the prefix: ${whole}`);
  }
  const octet = Number(first.split('.')[0]);
  return octet === 0 || octet === 127 || octet >= 224
    ? bad(name, text, `a range that containers can have addresses of, ${like}`)
    : ok(cidr);
}

function parseInit(text: string, name: string): Result<IpamInitSetting> {
  const [kind, value] = text.split(/=(.*)/s);
  if (text === 'observer') return ok({ kind: 'observer' });
  if (text === 'consensus') return ok({ kind: 'consensus', electorate: undefined });
  if (kind === 'seed' && value !== undefined) return parseSeeds(value, name);
  if (kind !== 'consensus' || value === undefined)
    return bad(name, text, 'consensus, consensus=N, seed=NAME,..., or observer');
  const electorate = Number(value);
  return /^\d{1,5}$/.test(value) && electorate >= 1 && electorate <= LARGEST_ELECTORATE
    ? ok({ kind: 'consensus', electorate })
    : bad(name, text, `consensus=N with the number of hosts, 1 to ${LARGEST_ELECTORATE}`);
}

/** In one order, so that hosts which are told the same names in another one agree. */
function parseSeeds(text: string, name: string): Result<IpamInitSetting> {
  const names = new Set<Mac>();
  for (const word of text.split(',')) {
    const seed = parseMac(word.toLowerCase());
    if (seed === undefined) return refuse({ code: 'bad-peer-name', value: word });
    names.add(seed);
  }
  return names.size <= MOST_SEEDS
    ? ok({ kind: 'seed', names: [...names].sort(compare) })
    : bad(name, `${names.size} names`, `at most ${MOST_SEEDS} seeds; others get space of them`);
}

function formatInit(init: IpamInitSetting): string {
  if (init.kind === 'seed') return `seed=${init.names.join(',')}`;
  const count = init.kind === 'consensus' ? init.electorate : undefined;
  return count === undefined ? init.kind : `consensus=${count}`;
}

const parseSeconds =
  (least: number, most: number) =>
  (text: string, name: string): Result<number> => {
    const seconds = Number(text);
    return /^\d{1,6}$/.test(text) && seconds >= least && seconds <= most
      ? ok(seconds)
      : bad(name, text, `a number of seconds from ${least} to ${most}`);
  };

export const IPAM_OPTIONS: { readonly [K in keyof IpamSettings]: Option<IpamSettings[K]> } = {
  ipamRange: {
    flag: 'ipalloc-range',
    value: 'CIDR',
    env: ['MESH_IPALLOC_RANGE'],
    takesNothing: true,
    help: 'addresses that the mesh gives out, the same on every host; empty for none',
    initial: DEFAULT_RANGE,
    reason: 'what Weave Net gives out, so that what hosts are set up for stays true',
    parse: (text, name) =>
      text === '' ? ok(undefined) : parseSpace(text, name, LONGEST_RANGE_PREFIX, formatCidr(DEFAULT_RANGE)),
    format: range => (range === undefined ? '' : formatCidr(range)),
  },
  ipamSubnet: {
    flag: 'ipalloc-default-subnet',
    value: 'CIDR',
    env: ['MESH_IPALLOC_DEFAULT_SUBNET'],
    help: 'part of the range that an address is taken from where no subnet is named',
    initial: undefined,
    reason:
      'the first half of a range of /19 or more: the other is for networks that users make, which must not overlap with it',
    parse: (text, name) => parseSpace(text, name, LONGEST_SUBNET_PREFIX, '10.40.0.0/16'),
    format: subnet => subnet && formatCidr(subnet),
  },
  ipamInit: {
    flag: 'ipalloc-init',
    value: 'MODE',
    env: ['MESH_IPALLOC_INIT'],
    help: 'who divides the range first: consensus[=N] of N hosts, seed=NAME,..., or observer (the others do)',
    initial: { kind: 'consensus', electorate: undefined },
    reason:
      'consensus of the peers given and this host: nobody has to be told anything, and nothing is divided twice',
    parse: parseInit,
    format: formatInit,
  },
  ipamTimeout: {
    flag: 'ipalloc-timeout',
    value: 'SECONDS',
    env: ['MESH_IPALLOC_TIMEOUT'],
    help: 'how long somebody waits for an address at most',
    initial: 10,
    reason:
      'longer than it takes to ask every host in turn, shorter than the patience of who starts a container',
    parse: parseSeconds(1, LONGEST_TIMEOUT_S),
    format: seconds => `${seconds}`,
  },
  ipamQuarantine: {
    flag: 'ipalloc-quarantine',
    value: 'SECONDS',
    env: ['MESH_IPALLOC_QUARANTINE'],
    help: "how long the addresses of a removed host's containers are given to nobody",
    initial: 600,
    reason: 'time to notice that a host which was taken for dead still runs its containers',
    parse: parseSeconds(0, LONGEST_QUARANTINE_S),
    format: seconds => `${seconds}`,
  },
};
